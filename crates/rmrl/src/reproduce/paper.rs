//! The figures of the paper's tables (arXiv 2510.15189), to compare ours with.

use rmrl_learn::MethodName;

/// A row of Table 1: the whole training. The paper seems to report one training run per method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// `T_τ^10`; the paper does not give its `τ`.
    pub t10: usize,
    /// The average reward and its standard deviation.
    pub average_reward: (f64, f64),
}

/// A row of Table 2: ten placements into the box after training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placing {
    /// The average reward and its standard deviation.
    pub average_reward: (f64, f64),
    /// Translation error and its standard deviation, in millimeters.
    pub e_trans_mm: (f64, f64),
    /// Yaw error and its standard deviation, in degrees.
    pub yaw_deg: (f64, f64),
}

/// What the paper reports of a method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperRow {
    /// Table 1.
    pub training: Training,
    /// Table 2.
    pub placing: Placing,
    /// Table 3: successes of ten placements onto the shelf.
    pub shelf_successes: usize,
}

/// Placements behind each row of Table 3.
pub const SHELF_PLACEMENTS: usize = 10;

/// The paper's row of a method; `None` if the paper does not report that method.
pub fn row(method: MethodName) -> Option<PaperRow> {
    let row = |t10, training, placing, e_trans_mm, yaw_deg, shelf_successes| PaperRow {
        training: Training { t10, average_reward: training },
        placing: Placing { average_reward: placing, e_trans_mm, yaw_deg },
        shelf_successes,
    };
    match method {
        MethodName::Reinforce => {
            Some(row(45, (0.948, 0.029), (0.964, 0.024), (3.6, 0.27), (0.58, 0.49), 5))
        }
        MethodName::Replay => {
            Some(row(36, (0.953, 0.031), (0.944, 0.030), (5.8, 0.33), (1.01, 0.43), 4))
        }
        MethodName::RmRl => {
            Some(row(35, (0.956, 0.027), (0.970, 0.025), (3.0, 0.30), (0.89, 0.38), 7))
        }
        MethodName::RmRlPretrained => {
            Some(row(30, (0.969, 0.023), (0.978, 0.012), (2.1, 0.12), (0.60, 0.45), 10))
        }
        _ => None,
    }
}
