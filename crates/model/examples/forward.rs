//! Times forward passes on request, for `scripts/bench/peers.py` and `gpu.py`: the network of `ARCH` with random weights, on inputs of
//! `HEIGHT` x `WIDTH`.
//!
//! `forward ARCH HEIGHT WIDTH FILE.onnx` writes the network, with a head of two classes, to `FILE.onnx`. Then it reads lines
//! `ENGINE RECORDS PASSES` and answers each with the seconds of a pass, their mean. `ENGINE` is an engine of the CPU, or a GPU device,
//! where burn runs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::BufRead;
use std::time::Instant;

use model::{Arch, BackboneWeights, Compute, DeviceName, EngineName, Head, HeadConfig, ModelInfo, save_onnx};
use rand::SeedableRng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [arch, height, width, file] = &arguments[..] else { return Err("ARCH HEIGHT WIDTH FILE.onnx".into()) };
    let (arch, shape): (Arch, [usize; 2]) = (arch.parse()?, [height.parse()?, width.parse()?]);
    let weights = BackboneWeights::random(arch, 1)?;
    let inputs: Vec<_> = arch.input_names().into_iter().map(|name| (name, shape)).collect();
    write(file.as_ref(), &weights, &inputs)?;

    let mut engines = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let [name, records, passes] = line.split(' ').collect::<Vec<_>>()[..] else { return Err(line.into()) };
        let engine = match engines.entry(name.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let compute = match name.parse::<EngineName>() {
                    Ok(engine) => Compute::new(DeviceName::Cpu, engine)?,
                    Err(_) => Compute::new(name.parse()?, EngineName::Auto)?,
                };
                entry.insert(compute.engine(&weights, &inputs)?)
            }
        };
        let (records, passes): (usize, u32) = (records.parse()?, passes.parse()?);
        let values = (0..records * engine.record_len()).map(|i| (i * 7919 % 1021) as f32 / 1020.0);
        let records: Vec<f32> = values.collect();
        let start = Instant::now();
        for _ in 0..passes {
            engine.forward(&records)?;
        }
        println!("{}", start.elapsed().as_secs_f64() / f64::from(passes));
    }
    Ok(())
}

fn write(path: &std::path::Path, weights: &BackboneWeights, inputs: &model::Inputs) -> Result<(), model::Error> {
    let config = HeadConfig::mlp(16, 0.0);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let head = Head::new(&config, weights.n_outputs(), 2, &mut rng, &model::cpu());
    let info = ModelInfo {
        arch: weights.arch(),
        labels: vec!["a".into(), "b".into()],
        head: config,
        gate: None,
        features: serde_json::Value::Null,
        calibration: serde_json::Value::Null,
        backbone_source: "random".into(),
        provenance: serde_json::Value::Null,
    };
    save_onnx(path, &info, weights, &head, None, inputs)
}
