//! The manifest, read with the types of Kubernetes' API.

#![allow(clippy::unwrap_used)]

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use submit::{Division, kubernetes};

/// Reads a document of a manifest. Every field of it is one of the type: nothing is lost in between.
fn typed<T: DeserializeOwned + Serialize>(document: &serde_json::Value) -> T {
    let object: T = serde_json::from_value(document.clone()).unwrap();
    let mut written = serde_json::to_value(&object).unwrap();
    written["apiVersion"] = document["apiVersion"].clone();
    written["kind"] = document["kind"].clone();
    assert_eq!(&written, document);
    object
}

#[test]
fn the_manifest_has_the_types_of_the_api() {
    let config = "name = \"Tiny_1\"\n# a comment: \"quoted\", {{ }}\n\t# and a tab\n";
    let resources = [("nvidia.com/gpu", "1"), ("cpu", "4")].map(|(name, amount)| (name.into(), amount.into()));
    let place = kubernetes::Place {
        image: "registry.example/wail:1".into(),
        claim: "cries".into(),
        resources: resources.to_vec(),
    };
    let division = Division { shards: 2, parallel: 2, retry_failed: false };
    let sweep = ["--config", kubernetes::CONFIG, "--set", "name='it\\'s: \"50%\" #1 \\'"].map(String::from);
    let manifest = kubernetes::manifest("Tiny_1", config, &sweep, division, &place);
    let documents =
        serde_norway::Deserializer::from_str(&manifest).map(|one| serde_json::Value::deserialize(one).unwrap());
    let [map, shards, merge] = documents.collect::<Vec<_>>().try_into().unwrap();

    let map: ConfigMap = typed(&map);
    assert_eq!(map.metadata.name.as_deref(), Some("tiny-1-config"));
    assert_eq!(map.data.unwrap()["config.toml"], config);
    let [shards, merge]: [Job; 2] = [typed(&shards), typed(&merge)];
    assert_eq!(
        (shards.metadata.name.as_deref(), merge.metadata.name.as_deref()),
        (Some("tiny-1-shards"), Some("tiny-1-merge"))
    );
    let spec = shards.spec.unwrap();
    assert_eq!(
        (spec.completions, spec.parallelism, spec.completion_mode.as_deref()),
        (Some(2), Some(2), Some("Indexed"))
    );
    assert!(spec.backoff_limit_per_index.is_some());
    let rules = spec.pod_failure_policy.unwrap().rules.into_iter();
    let rules: Vec<(String, Option<Vec<i32>>)> =
        rules.map(|rule| (rule.action, rule.on_exit_codes.map(|codes| codes.values))).collect();
    let [ignore, fail] = ["Ignore", "FailIndex"].map(String::from);
    assert_eq!(rules, [(ignore.clone(), Some(vec![75])), (fail, Some(vec![2, 3, 4])), (ignore, None)]);
    let pod = spec.template.spec.unwrap();
    assert_eq!(pod.restart_policy.as_deref(), Some("Never"));
    let [prepare, shard] = [pod.init_containers.unwrap().remove(0), pod.containers.into_iter().next().unwrap()];
    let limits = shard.resources.clone().unwrap().limits.unwrap();
    assert_eq!((limits["cpu"].0.as_str(), limits["nvidia.com/gpu"].0.as_str()), ("4", "1"));
    let merge = merge.spec.unwrap().template.spec.unwrap().containers.remove(0);
    let auto = ["--shard", "auto", "--shards", "2"].map(String::from);
    for (container, arguments) in [
        (prepare, [&["prepare".into()], &sweep[..], &auto].concat()),
        (shard, [&sweep[..], &auto].concat()),
        (merge, [&["merge".into()], &sweep[..]].concat()),
    ] {
        assert_eq!((container.command, container.args), (Some(vec!["wail".into()]), Some(arguments)));
    }
}
