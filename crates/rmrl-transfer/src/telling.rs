//! A cell reports what its transfers do.

use crate::cell::TransferCell;
use crate::job::Job;
use crate::progress::TransferEvent;
use crate::request::TransferReport;

impl TransferCell {
    /// Reports to `watcher` from now on, on the thread that transfers. The arm waits for it.
    pub fn watch_by(&mut self, watcher: Box<dyn FnMut(TransferEvent) + Send>) {
        self.watcher = Some(watcher);
    }

    pub(crate) fn tell(&mut self, event: impl FnOnce() -> TransferEvent) {
        if let Some(watcher) = &mut self.watcher {
            watcher(event());
        }
    }

    pub(crate) fn tell_begins(&mut self, job: &Job) {
        self.tell(|| TransferEvent::Begins {
            request: job.request.clone(),
            item: job.item.clone(),
        });
    }

    pub(crate) fn tell_moves(&mut self, job: &Job) {
        self.tell(|| TransferEvent::Moves {
            item: job.item.clone(),
            from: job.request.from(),
            to: job.to.address.clone(),
        });
    }

    pub(crate) fn tell_grasped(&mut self, job: &Job) {
        self.tell(|| TransferEvent::Grasped { item: job.item.clone() });
    }

    pub(crate) fn tell_released(&mut self, job: &Job) {
        let (item, at) = (job.item.clone(), job.to.address.clone());
        self.tell(|| TransferEvent::Released { item, at });
    }

    pub(crate) fn tell_ended(&mut self, report: &TransferReport) {
        let (item, ending) = (report.item.clone(), report.ending.clone());
        self.tell(|| TransferEvent::Ended { item, ending });
    }
}
