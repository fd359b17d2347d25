//! Which shard a process is: `--shard I/N`, or `--shard auto` in a job of Slurm or Kubernetes.

use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::Error;
use crate::sweep::Shard;

/// Which shard a process is.
#[derive(Debug, Default, clap::Args)]
pub struct ShardArgs {
    /// Do only part I of N, counted from 1; with `auto` the task of a Slurm array, or the index of a Kubernetes job with
    /// --shards, says which
    #[arg(long, value_name = "I/N|auto")]
    shard: Option<Requested>,
    /// Number of shards, for --shard auto
    #[arg(long, value_name = "N", requires = "shard")]
    shards: Option<NonZeroUsize>,
}

/// The value of `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requested {
    Auto,
    Shard(Shard),
}

impl FromStr for Requested {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Shard) }
    }
}

impl ShardArgs {
    /// The shard; `None` if the whole is wanted.
    ///
    /// # Errors
    /// [`Error::Config`] if `auto` finds no job, or one that is divided in another way than `--shards` says.
    pub fn resolve(&self) -> Result<Option<Shard>, Error> {
        self.resolve_in(|name| std::env::var(name).ok()).map_err(Error::Config)
    }

    fn resolve_in(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Shard>, String> {
        let shards = self.shards.map(NonZeroUsize::get);
        let shard = match self.shard {
            None => return Ok(None),
            Some(Requested::Shard(shard)) => shard,
            Some(Requested::Auto) => match (variable("SLURM_ARRAY_TASK_ID"), variable("JOB_COMPLETION_INDEX")) {
                (Some(_), _) => of_slurm(variable)?,
                (None, Some(index)) => of_kubernetes(&index, shards)?,
                (None, None) => {
                    return Err(
                        "--shard auto: this is neither a task of a Slurm array (SLURM_ARRAY_TASK_ID) nor one of a \
                                Kubernetes indexed job (JOB_COMPLETION_INDEX); name the shard: --shard I/N"
                            .into(),
                    );
                }
            },
        };
        match shards.filter(|count| *count != shard.count()) {
            Some(count) => {
                Err(format!("--shards {count}: this is shard {shard}; leave --shards out, or make both agree"))
            }
            None => Ok(Some(shard)),
        }
    }
}

/// The task of a Slurm array. Its tasks must have consecutive numbers, from any first one.
fn of_slurm(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let number = |name: &str| -> Result<usize, String> {
        let value = variable(name).ok_or_else(|| format!("--shard auto: {name} is not set"))?;
        value.parse().map_err(|_| format!("--shard auto: {name} is {value:?}, not a number"))
    };
    let [task, first, count] = ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"].map(number);
    let (task, first, count) = (task?, first?, count?);
    let shard = task.checked_sub(first).and_then(|index| Shard::new(index + 1, count));
    shard.ok_or_else(|| {
        format!(
            "--shard auto: task {task} of an array of {count} from {first} on: the numbers of the tasks must be consecutive, such \
             as --array=1-{count}; for some shards only: --shard I/N"
        )
    })
}

/// The index of a Kubernetes indexed job, which does not know the number of its completions.
fn of_kubernetes(index: &str, shards: Option<usize>) -> Result<Shard, String> {
    let count = shards.ok_or("--shard auto: a Kubernetes job needs --shards N, its number of completions")?;
    let shard = index.parse::<usize>().ok().and_then(|index| Shard::new(index.checked_add(1)?, count));
    shard.ok_or_else(|| format!("--shard auto: JOB_COMPLETION_INDEX is {index:?}, not 0 to {}", count - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLURM: [&str; 3] = ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"];

    fn resolve(shard: &str, shards: Option<usize>, variables: &[(&str, &str)]) -> Result<Option<Shard>, String> {
        let args = ShardArgs { shard: Some(shard.parse()?), shards: shards.and_then(NonZeroUsize::new) };
        args.resolve_in(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into()))
    }

    fn of_slurm(values: [&str; 3], shards: Option<usize>) -> Result<Option<Shard>, String> {
        resolve("auto", shards, &SLURM.iter().copied().zip(values).collect::<Vec<_>>())
    }

    #[test]
    fn a_shard_is_named_or_found_in_the_job() {
        let shard = |index, count| Ok(Shard::new(index, count));
        assert_eq!(ShardArgs { shard: None, shards: None }.resolve_in(|_| None), Ok(None));
        assert_eq!(resolve("2/3", None, &[]), shard(2, 3));
        assert_eq!(resolve("2/3", Some(3), &[]), shard(2, 3));
        assert_eq!(of_slurm(["0", "0", "4"], None), shard(1, 4));
        assert_eq!(of_slurm(["7", "4", "4"], Some(4)), shard(4, 4));
        assert_eq!(resolve("auto", Some(3), &[("JOB_COMPLETION_INDEX", "2")]), shard(3, 3));
    }

    #[test]
    fn what_is_wrong_with_a_job_is_said() {
        for (found, expected) in [
            (resolve("4/3", None, &[]), "the form is I/N"),
            (resolve("2/3", Some(4), &[]), "this is shard 2 of 3"),
            (resolve("auto", None, &[]), "neither"),
            (resolve("auto", None, &[("JOB_COMPLETION_INDEX", "0")]), "needs --shards N"),
            (resolve("auto", Some(3), &[("JOB_COMPLETION_INDEX", "3")]), "not 0 to 2"),
            (resolve("auto", None, &[("SLURM_ARRAY_TASK_ID", "1")]), "SLURM_ARRAY_TASK_MIN is not set"),
            (of_slurm(["x", "0", "4"], None), "not a number"),
            (of_slurm(["7", "3", "2"], None), "must be consecutive"),
            (of_slurm(["1", "1", "2"], Some(8)), "--shards 8: this is shard 1 of 2"),
        ] {
            assert!(found.as_ref().is_err_and(|error| error.contains(expected)), "{found:?}");
        }
    }
}
