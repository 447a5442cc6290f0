//! A survey of all sites: whether the arm reaches them, and whether its ways are clear.

use std::fmt;

use rmrl_cell::Access;
use rmrl_inventory::SlotAddress;
use serde::Serialize;

use crate::cell::site_clearance::{SiteClearance, WayError};
use crate::cell::site_reach::{prove_slot, prove_travel};
use crate::config::{PlaceError, Places, RunConfig};

/// All slots, with what is proven of them.
#[derive(Debug, Clone, Serialize)]
pub struct SiteSurvey {
    /// The slots, by site and number.
    pub slots: Vec<SlotSurvey>,
    /// Why the tool cannot travel between the sites; empty if it can.
    pub travel: Vec<String>,
    /// Pairs of slots between which the tool has to pass above what stands between them, with how high.
    pub above: Vec<Above>,
}

/// A way above.
#[derive(Debug, Clone, Serialize)]
pub struct Above {
    /// One slot.
    pub from: SlotAddress,
    /// The other one.
    pub to: SlotAddress,
    /// The height of the tool, in millimeters.
    pub height_mm: f64,
}

/// A slot, with what is proven of it.
#[derive(Debug, Clone, Serialize)]
pub struct SlotSurvey {
    /// The address.
    pub slot: SlotAddress,
    /// How it is entered.
    pub access: Access,
    /// Where the tool releases a plate, along x, in millimeters.
    pub x_mm: f64,
    /// Along y, in millimeters.
    pub y_mm: f64,
    /// Height of the surface, in millimeters.
    pub surface_mm: f64,
    /// The tool's rotation, in degrees.
    pub yaw_deg: f64,
    /// Whether the camera sees it.
    pub is_seen: bool,
    /// How many items lie on each other in it at most.
    pub capacity: u32,
    /// The labware that it takes; empty for all.
    pub labware: Vec<String>,
    /// The least distance of a joint to its limits on the ways in and out, in degrees; absent where it is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_limit_distance_deg: Option<f64>,
    /// Why it is out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_reach: Option<String>,
    /// Where the ways in and out come nearest to anything, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Why they are not clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_clear: Option<String>,
}

impl SiteSurvey {
    /// What is proven of all sites.
    ///
    /// # Errors
    /// A site has no such slot, which no configuration can cause.
    pub fn of(config: &RunConfig, places: &Places) -> Result<Self, PlaceError> {
        let mut ways = SiteClearance::new(config, places);
        let slots =
            places.slots().into_iter().map(|slot| survey((config, places), &mut ways, slot));
        let slots = slots.collect::<Result<_, _>>()?;
        let mut found = Self { slots, travel: Vec::new(), above: Vec::new() };
        found.travel.extend(prove_travel(config, places).err().map(|error| error.to_string()));
        if let Ok(ways) = &ways {
            found.add_travel(&places.slots(), ways);
        }
        Ok(found)
    }

    /// Whether every slot is reached and every way is clear.
    pub fn is_usable(&self) -> bool {
        self.faults().is_empty()
    }

    /// Adds the ways between all slots.
    fn add_travel(&mut self, slots: &[SlotAddress], ways: &SiteClearance) {
        for (number, from) in slots.iter().enumerate() {
            for to in &slots[number + 1..] {
                match ways.travel(from, to) {
                    Ok(via) => self.above.extend(via.points.first().map(|_| Above {
                        from: from.clone(),
                        to: to.clone(),
                        height_mm: 1e3 * ways.height_m(&via),
                    })),
                    Err(error) => self.travel.push(error.to_string()),
                }
            }
        }
    }

    /// What is wrong, one sentence for each fault.
    pub fn faults(&self) -> Vec<String> {
        let of_slot = |slot: &SlotSurvey| {
            let reasons = [&slot.out_of_reach, &slot.not_clear].into_iter().flatten();
            reasons.map(|reason| format!("{}: {reason}", slot.slot)).collect::<Vec<_>>()
        };
        self.slots.iter().flat_map(of_slot).chain(self.travel.iter().cloned()).collect()
    }
}

impl fmt::Display for SiteSurvey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.slots {
            let SlotSurvey { slot, x_mm, y_mm, surface_mm, yaw_deg, capacity, .. } = line;
            let access = match line.access {
                Access::Above => "from above",
                Access::Front => "from the front",
            };
            let seen = if line.is_seen { "seen" } else { "not seen" };
            let labware = match line.labware.as_slice() {
                [] => "any labware".to_string(),
                names => names.join(", "),
            };
            writeln!(
                f,
                "{:<14} x {x_mm:.1}, y {y_mm:.1}, surface {surface_mm:.1} mm, {yaw_deg:.1} degrees, {access}, \
                 {seen}, holds {capacity}, {labware}",
                slot.to_string()
            )?;
            match (&line.out_of_reach, line.least_limit_distance_deg) {
                (Some(reason), _) => writeln!(f, "{:14} OUT OF REACH: {reason}", "")?,
                (None, Some(distance_deg)) => {
                    writeln!(
                        f,
                        "{:14} reached, {distance_deg:.0} degrees to the nearest joint limit",
                        ""
                    )?;
                }
                (None, None) => {}
            }
            match (&line.not_clear, &line.nearest) {
                (Some(reason), _) => writeln!(f, "{:14} NOT CLEAR: {reason}", "")?,
                (None, Some(nearest)) => writeln!(f, "{:14} clear: at the nearest, {nearest}", "")?,
                (None, None) => {}
            }
        }
        for reason in &self.travel {
            writeln!(f, "travel         NOT POSSIBLE: {reason}")?;
        }
        for Above { from, to, height_mm } in &self.above {
            writeln!(f, "travel         from {from} to {to} at a height of {height_mm:.0} mm")?;
        }
        if self.travel.is_empty() && self.above.is_empty() {
            writeln!(f, "travel         between all slots on straight lines")?;
        }
        Ok(())
    }
}

fn survey(
    (config, places): (&RunConfig, &Places),
    ways: &mut Result<SiteClearance, WayError>,
    slot: SlotAddress,
) -> Result<SlotSurvey, PlaceError> {
    let proof = prove_slot(config, places, &slot);
    let clear = match ways {
        Ok(ways) => ways.slot(&slot).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let (site, at) = places.slot(&slot)?;
    Ok(SlotSurvey {
        access: site.access,
        x_mm: 1e3 * at.tool.x_m,
        y_mm: 1e3 * at.tool.y_m,
        surface_mm: 1e3 * at.surface_m,
        yaw_deg: site.yaw_deg,
        is_seen: site.is_seen,
        capacity: site.capacity,
        labware: site.labware.clone(),
        least_limit_distance_deg: proof
            .as_ref()
            .ok()
            .map(|proof| proof.least_limit_distance_rad.to_degrees()),
        out_of_reach: proof.err().map(|error| error.to_string()),
        nearest: clear.as_ref().ok().and_then(|nearest| Some(nearest.as_ref()?.to_string())),
        not_clear: clear.err(),
        slot,
    })
}
