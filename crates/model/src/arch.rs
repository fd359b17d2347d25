//! The networks of an encoder.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::Error;
use crate::networks::NetworkArch;
use crate::networks::resnet::spec::{ResNetArch, ResNetDepth, ResNetWidth};

/// Separates the names of the networks.
const SEPARATOR: char = '+';

/// Maximum number of networks in an encoder. There are fewer kinds, and each kind may occur once.
const MAX_NETWORKS: usize = 4;

/// The encoder's architecture: one network, or several whose embeddings are concatenated in order.
///
/// As text, the names of the networks joined by `+`: `resnet18`, `resnet18-w16`, `yamnet`, `resnet18+yamnet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arch {
    /// The networks, packed to the front; the remaining places are `None`.
    networks: [Option<NetworkArch>; MAX_NETWORKS],
}

impl Arch {
    /// ResNet18.
    pub const RESNET18: Self = Self::of(NetworkArch::ResNet(ResNetArch::RESNET18));
    /// ResNet34.
    pub const RESNET34: Self = Self::resnet(ResNetDepth::Layers34, ResNetWidth::Full);
    /// ResNet18 at a quarter of the width.
    pub const RESNET18_W16: Self = Self::resnet(ResNetDepth::Layers18, ResNetWidth::Quarter);
    /// ResNet18 at an eighth of the width.
    pub const RESNET18_W8: Self = Self::resnet(ResNetDepth::Layers18, ResNetWidth::Eighth);
    /// An encoder in an ONNX file.
    pub const ONNX: Self = Self::of(NetworkArch::Onnx);
    /// YAMNet.
    pub const YAMNET: Self = Self::of(NetworkArch::Yamnet);

    /// An encoder of one network.
    pub const fn of(network: NetworkArch) -> Self {
        Self { networks: [Some(network), None, None, None] }
    }

    const fn resnet(depth: ResNetDepth, width: ResNetWidth) -> Self {
        Self::of(NetworkArch::ResNet(ResNetArch { depth, width }))
    }

    /// The networks in order, at least one.
    pub fn networks(&self) -> impl Iterator<Item = NetworkArch> {
        self.networks.into_iter().flatten()
    }

    /// The network, if there is only one.
    pub fn only_network(&self) -> Option<NetworkArch> {
        let mut networks = self.networks();
        networks.next().filter(|_| networks.next().is_none())
    }

    /// Whether YAMNet is one of the networks.
    pub fn has_yamnet(&self) -> bool {
        self.networks().any(|network| network == NetworkArch::Yamnet)
    }

    /// Names of the inputs, each once, in the order of the networks. An encoder in an ONNX file takes one of them.
    pub fn input_names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for name in self.networks().flat_map(NetworkArch::input_names) {
            if !names.contains(name) {
                names.push(*name);
            }
        }
        names
    }

    /// The networks of `self`, followed by those of `other`.
    ///
    /// # Errors
    /// [`Error::Argument`] if both contain a network of the same kind, because their tensors would have the same names.
    pub fn beside(self, other: Self) -> Result<Self, Error> {
        Self::of_several(self.networks().chain(other.networks())).ok_or_else(|| {
            Error::Argument(format!(
                "cannot combine {self} and {other}: an encoder has at most one network of each kind, and an ONNX file stands alone"
            ))
        })
    }

    /// `None` if there are no networks, two of the same kind, or an ONNX file beside another network.
    fn of_several(networks: impl Iterator<Item = NetworkArch>) -> Option<Self> {
        let mut found = [None; MAX_NETWORKS];
        for (index, network) in networks.enumerate() {
            let excludes =
                |other: &NetworkArch| network.is_kind_of(*other) || [network, *other].contains(&NetworkArch::Onnx);
            if found.iter().flatten().any(excludes) {
                return None;
            }
            *found.get_mut(index)? = Some(network);
        }
        found[0].map(|_| Self { networks: found })
    }
}

impl From<NetworkArch> for Arch {
    fn from(network: NetworkArch) -> Self {
        Self::of(network)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.networks().map(|network| network.to_string()).collect();
        f.write_str(&names.join(&SEPARATOR.to_string()))
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(name: &str) -> Result<Arch, Error> {
        let network = |part: &str| NetworkArch::all().find(|network| network.to_string() == part);
        let networks: Option<Vec<NetworkArch>> = name.split(SEPARATOR).map(network).collect();
        networks.and_then(|networks| Self::of_several(networks.into_iter())).ok_or_else(|| {
            let known: Vec<String> = NetworkArch::all().map(|network| format!("`{network}`")).collect();
            Error::Argument(format!(
                "unknown architecture `{name}`: use one of {}, or a ResNet and YAMNet joined by `{SEPARATOR}`, such as \
                 `resnet18+yamnet`",
                known.join(", ")
            ))
        })
    }
}

impl Serialize for Arch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Arch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Arch {
    fn schema_name() -> Cow<'static, str> {
        "Arch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<String> = NetworkArch::all().map(|network| network.to_string()).collect();
        let description =
            "The encoder's architecture: a network, or several joined by `+`, whose embeddings are concatenated.";
        let network = names.join("|");
        json_schema!({
            "description": description,
            "type": "string",
            "pattern": format!("^({network})(\\{SEPARATOR}({network}))*$"),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// The nine names of version 0.1.0 and newer ones.
    const NAMES: [&str; 12] = [
        "onnx",
        "resnet18",
        "resnet34",
        "resnet18-w16",
        "resnet18-w8",
        "yamnet",
        "resnet18+yamnet",
        "resnet34+yamnet",
        "resnet18-w16+yamnet",
        "resnet18-w8+yamnet",
        "resnet34-w8",
        "yamnet+resnet18",
    ];

    #[test]
    fn names_round_trip() {
        for name in NAMES {
            let arch: Arch = name.parse().unwrap();
            assert_eq!(arch.to_string(), name);
            assert_eq!(serde_json::to_string(&arch).unwrap(), format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Arch>(&format!("\"{name}\"")).unwrap(), arch);
            assert_eq!(arch.has_yamnet(), name.contains("yamnet"));
            assert_eq!(arch.only_network().is_some(), !name.contains('+'));
        }
        let both = Arch::RESNET18.beside(Arch::YAMNET).unwrap();
        assert_eq!((both.to_string().as_str(), both.input_names()), ("resnet18+yamnet", vec!["image", "patches"]));
    }

    #[test]
    fn unknown_names_and_two_networks_of_one_kind_are_refused() {
        for name in [
            "resnet50",
            "",
            "resnet18+",
            "resnet18+resnet34",
            "yamnet+yamnet",
            "resnet18+yamnet+resnet18-w8",
            "onnx+yamnet",
            "resnet18+onnx",
        ] {
            let message = name.parse::<Arch>().unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")) && message.contains("`resnet18-w8`"), "{message}");
        }
        assert!(Arch::RESNET18.beside(Arch::RESNET34).is_err());
    }
}
