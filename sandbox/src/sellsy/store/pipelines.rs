//! The account's pipelines: which step is in which, and which step comes first.
//!
//! An opportunity knows only its step, which is in exactly one pipeline.

use anyhow::ensure;

use crate::sellsy::seed::{Pipeline, Step};

#[derive(Debug)]
pub(in crate::sellsy) struct Pipelines(Vec<Pipeline>);

impl Pipelines {
    pub(super) fn new(pipelines: &[Pipeline]) -> anyhow::Result<Pipelines> {
        let pipelines = Pipelines(pipelines.to_vec());
        for (n, pipeline) in pipelines.0.iter().enumerate() {
            ensure!(!pipeline.steps.is_empty(), "pipeline {} has no steps", pipeline.id);
            let twice = pipelines.0[..n].iter().any(|other| other.id == pipeline.id);
            ensure!(!twice, "pipeline {} occurs twice", pipeline.id);
        }
        for step in pipelines.steps() {
            let same = pipelines.steps().filter(|other| other.id == step.id).count();
            ensure!(same == 1, "step {} occurs twice", step.id);
        }
        Ok(pipelines)
    }

    pub(in crate::sellsy) fn iter(&self) -> impl Iterator<Item = &Pipeline> {
        self.0.iter()
    }

    pub(in crate::sellsy) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.0.iter().flat_map(|pipeline| &pipeline.steps)
    }

    /// A step, with its pipeline.
    pub(in crate::sellsy) fn find(&self, step: u64) -> Option<(&Pipeline, &Step)> {
        self.0.iter().find_map(|pipeline| Some((pipeline, pipeline.steps.iter().find(|one| one.id == step)?)))
    }

    /// The step with the lowest rank in this pipeline; `None` if there is no such pipeline.
    pub(in crate::sellsy) fn first_step(&self, pipeline: u64) -> Option<u64> {
        let steps = &self.0.iter().find(|one| one.id == pipeline)?.steps;
        steps.iter().min_by_key(|step| (step.rank, step.id)).map(|step| step.id)
    }

    /// The first step of the default pipeline, where a new opportunity begins.
    pub(super) fn first_step_of_all(&self) -> Option<u64> {
        let default = self.0.iter().find(|pipeline| pipeline.is_default).or(self.0.first())?;
        self.first_step(default.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(id: u64, is_default: bool, steps: &[(u64, u32)]) -> Pipeline {
        let step = |(id, rank): &(u64, u32)| Step { id: *id, name: format!("Step {id}"), probability: 0, rank: *rank };
        let steps = steps.iter().map(step).collect();
        Pipeline { id, name: format!("Pipeline {id}"), is_default, rank: 0, steps }
    }

    #[test]
    fn a_step_leads_to_its_pipeline_and_the_lowest_rank_comes_first() {
        let pipelines = [pipeline(1, false, &[(10, 0)]), pipeline(2, true, &[(20, 2), (21, 1)])];
        let pipelines = Pipelines::new(&pipelines).unwrap();
        assert_eq!(pipelines.find(20).map(|(pipeline, step)| (pipeline.id, step.rank)), Some((2, 2)));
        assert!(pipelines.find(30).is_none());
        assert_eq!((pipelines.first_step(2), pipelines.first_step(3)), (Some(21), None));
        assert_eq!(pipelines.first_step_of_all(), Some(21));
        assert_eq!(Pipelines::new(&[]).unwrap().first_step_of_all(), None);
    }

    #[test]
    fn a_step_is_in_one_pipeline() {
        let refused = |pipelines: &[Pipeline]| Pipelines::new(pipelines).is_err();
        assert!(refused(&[pipeline(1, true, &[(10, 0)]), pipeline(2, false, &[(10, 0)])]));
        assert!(refused(&[pipeline(1, true, &[(10, 0)]), pipeline(1, false, &[(11, 0)])]));
        assert!(refused(&[pipeline(1, true, &[])]));
    }
}
