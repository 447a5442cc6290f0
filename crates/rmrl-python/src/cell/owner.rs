//! The thread that owns a cell. It knows no Python, and needs no lock of an interpreter.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use rmrl::rmrl_cell::{Operator, StopSwitch};
use rmrl::{AssembledCell, MakeOperator, Places, RunConfig, Start, open_transfer_cell};

use super::failure::Failure;
use super::lease::Lease;
use super::line::{Line, News, PythonOperator};

/// What is done with the cell; its result is JSON.
pub type Job = Box<dyn FnOnce(&mut AssembledCell, &Line) -> Result<String, Failure> + Send>;

/// A job, and who waits for it.
pub struct Work {
    pub job: Job,
    pub news: Sender<News>,
    /// Kept until the job has ended, also if nobody waits any more.
    pub lease: Lease,
}

/// A cell to be opened.
pub struct Opening {
    pub config: RunConfig,
    pub places: Places,
    pub stop: StopSwitch,
    /// Whether the arm of a real cell may move unasked.
    pub is_unasked: bool,
    /// Whether Python is asked instead of the configured operator.
    pub asks_python: bool,
}

impl Opening {
    fn start(&self, line: &Line) -> Start {
        let line = line.clone();
        let make: Arc<MakeOperator> = Arc::new(move |stop| {
            Box::new(PythonOperator::new(line.clone(), stop)) as Box<dyn Operator>
        });
        Start {
            stop: self.stop.clone(),
            is_unasked: self.is_unasked,
            operator: self.asks_python.then_some(make),
            ..Start::default()
        }
    }
}

/// Opens a cell, and does what it is told until nobody can tell it anything any more. The first listener hears how the opening
/// ended.
pub fn own(opening: &Opening, opener: Sender<News>, works: Receiver<Work>) {
    let line = Line::default();
    line.connect(Some(opener.clone()));
    let opened = open_transfer_cell(&opening.config, &opening.places, &opening.start(&line));
    line.connect(None);
    let mut cell = match opened {
        Ok(cell) => cell,
        Err(error) => {
            let _ = opener.send(News::Ended(Err(error.into())));
            return;
        }
    };
    let watcher = line.clone();
    cell.cell.watch_by(Box::new(move |event| watcher.say(&event)));
    let _ = opener.send(News::Ended(Ok(String::new())));
    drop(opener);
    for Work { job, news, lease } in works {
        line.connect(Some(news.clone()));
        let ended = job(&mut cell, &line);
        line.connect(None);
        // Whoever hears of the end may use the cell at once.
        drop(lease);
        let _ = news.send(News::Ended(ended));
    }
}
