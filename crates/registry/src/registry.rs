//! The versions of one model in a store.

use std::path::{Component, Path};

use durable::{Address, Condition, Store, open_store, sha256_hex};
use serde::de::DeserializeOwned;

use crate::alias::AliasFile;
use crate::manifest::FORMAT_VERSION;
use crate::model_url::alias_name;
use crate::{Alias, Error, Files, Manifest, ModelUrl, Named, Version};

const MANIFEST: &str = "manifest.json";

/// The versions of one model in a store, and their aliases.
#[derive(Debug)]
pub struct Registry {
    store: Box<dyn Store>,
    url: String,
}

/// What a [`ModelUrl`] names at this moment.
#[derive(Debug)]
pub struct Resolved {
    /// The registry.
    pub registry: Registry,
    /// The version.
    pub version: Version,
    /// Its files.
    pub manifest: Manifest,
    /// The alias that named it, if one did.
    pub alias: Option<(String, Alias)>,
}

impl Registry {
    /// The registry at `url`, such as `s3://bucket/models/cry`. Nothing is read or created yet.
    ///
    /// # Errors
    /// [`Error::Store`] if the address or the settings of the store are wrong.
    pub fn open(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        Ok(Self { store: open_store(&address)?, url: address.to_string() })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Finds the version that `model` names, and its files.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none, [`Error::Damaged`], [`Error::Store`].
    pub fn resolve(model: &ModelUrl) -> Result<Resolved, Error> {
        let registry = Self::open(&model.registry)?;
        let (version, alias) = match &model.named {
            Named::Version(version) => (version.clone(), None),
            Named::Alias(name) => {
                let alias = registry.alias(name)?.ok_or_else(|| registry.missing(name, format!("alias {name}")))?;
                (alias.version.clone(), Some((name.clone(), alias)))
            }
        };
        let manifest = registry.manifest(&version)?;
        Ok(Resolved { registry, version, manifest, alias })
    }

    /// Publishes `files` and returns their version. Files that are there already are compared, not written again.
    ///
    /// # Errors
    /// [`Error::Damaged`] if an object of this version has another content, [`Error::Io`], [`Error::Store`].
    pub fn push(&self, files: &Files) -> Result<Version, Error> {
        let (manifest, version) = self.encoded(files.manifest())?;
        for (name, info) in &files.manifest().files {
            let object = format!("versions/{version}/{name}");
            let bytes = files.read(name)?;
            check(&self.url_of(&object), &bytes, &info.sha256)?;
            self.put_once(&object, &bytes, &info.sha256)?;
        }
        self.put_once(&format!("versions/{version}/{MANIFEST}"), &manifest, version.as_str())?;
        Ok(version)
    }

    /// The files of `version`.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Store`].
    pub fn manifest(&self, version: &Version) -> Result<Manifest, Error> {
        let name = format!("versions/{version}/{MANIFEST}");
        let object =
            self.store.get(&name)?.ok_or_else(|| self.missing(version.as_str(), format!("version {version}")))?;
        check(&self.url_of(&name), &object.bytes, version.as_str())?;
        let manifest: Manifest = self.parse(&name, &object.bytes)?;
        self.check_format(&name, manifest.format_version)?;
        match manifest.files.keys().find(|name| !is_inside(name)) {
            Some(outside) => Err(self.damaged(&name, format!("it names {outside:?}, which is no file of a version"))),
            None => Ok(manifest),
        }
    }

    /// The bytes of the file `name` of a version, which match their SHA-256.
    ///
    /// # Errors
    /// [`Error::Damaged`] if they do not, or the file is not there; [`Error::Store`].
    pub fn file(&self, manifest: &Manifest, name: &str) -> Result<Vec<u8>, Error> {
        let (_, version) = self.encoded(manifest)?;
        let object = format!("versions/{version}/{name}");
        let lacks = |problem: &str| Error::Damaged { url: self.url_of(&object), problem: problem.into() };
        let info = manifest.files.get(name).ok_or_else(|| lacks("the version has no such file"))?;
        let found = self.store.get(&object)?.ok_or_else(|| lacks("it is not there"))?;
        check(&self.url_of(&object), &found.bytes, &info.sha256)?;
        Ok(found.bytes)
    }

    /// Where the alias `name` points; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Store`], [`Error::Url`] if no alias can have this name.
    pub fn alias(&self, name: &str) -> Result<Option<Alias>, Error> {
        let object_name = self.alias_object(name)?;
        let Some(object) = self.store.get(&object_name)? else { return Ok(None) };
        let file: AliasFile = self.parse(&object_name, &object.bytes)?;
        self.check_format(&object_name, file.format_version)?;
        Ok(Some(Alias { version: file.version, previous: file.previous, tag: object.tag }))
    }

    /// Moves the alias `name` to `version`, if it still points where it did when it was read as `from`; `None` means that there was
    /// no such alias.
    ///
    /// # Errors
    /// [`Error::Moved`] if somebody else moved it, [`Error::Missing`] if there is no such version, and as [`Registry::alias`].
    pub fn move_alias(&self, name: &str, version: &Version, from: Option<&Alias>) -> Result<(), Error> {
        self.manifest(version)?;
        let object = self.alias_object(name)?;
        let previous = from.map(|alias| alias.version.clone());
        let file = AliasFile { format_version: FORMAT_VERSION, version: version.clone(), previous: previous.clone() };
        let bytes = serde_json::to_vec_pretty(&file).map_err(|error| self.damaged(&object, error.to_string()))?;
        let condition = from.map_or(Condition::Absent, |alias| Condition::Unchanged(alias.tag.clone()));
        let problem = match self.store.put(&object, &bytes, &condition) {
            Ok(true) => return Ok(()),
            Ok(false) => Error::Moved { url: self.url_of(&object) },
            Err(error) => error.into(),
        };
        // A connection that broke after the write: the alias is as it should be.
        match self.alias(name) {
            Ok(Some(now)) if now.version == *version && now.previous == previous => Ok(()),
            _ => Err(problem),
        }
    }

    /// Writes an object whose SHA-256 is known, unless it is there.
    fn put_once(&self, name: &str, bytes: &[u8], sha256: &str) -> Result<(), Error> {
        let problem = match self.store.put(name, bytes, &Condition::Absent) {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        // It is there, or a connection broke after the write.
        match (self.store.get(name)?, problem) {
            (Some(object), _) => check(&self.url_of(name), &object.bytes, sha256),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Err(self.damaged(name, "it is there and is not there".into())),
        }
    }

    fn alias_object(&self, name: &str) -> Result<String, Error> {
        Ok(format!("aliases/{}.json", alias_name(&format!("{}/{name}", self.url), name)?))
    }

    fn encoded(&self, manifest: &Manifest) -> Result<(Vec<u8>, Version), Error> {
        manifest.encode().map_err(|error| self.damaged(MANIFEST, error.to_string()))
    }

    fn parse<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|error| self.damaged(name, error.to_string()))
    }

    fn check_format(&self, name: &str, found: u32) -> Result<(), Error> {
        let problem = || format!("format version {found}, this program reads {FORMAT_VERSION}");
        if found == FORMAT_VERSION { Ok(()) } else { Err(self.damaged(name, problem())) }
    }

    fn url_of(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    fn damaged(&self, name: &str, problem: String) -> Error {
        Error::Damaged { url: self.url_of(name), problem }
    }

    fn missing(&self, name: &str, what: String) -> Error {
        Error::Missing { url: self.url_of(name), what, registry: self.url.clone() }
    }
}

/// Whether a file of this name stays inside the folder that a version is written to.
fn is_inside(name: &str) -> bool {
    let is_plain = |component| matches!(component, Component::Normal(_));
    !name.is_empty() && !name.contains('\\') && Path::new(name).components().all(is_plain)
}

/// Fails unless the SHA-256 of `bytes` is `sha256`.
fn check(url: &str, bytes: &[u8], sha256: &str) -> Result<(), Error> {
    match sha256_hex(bytes) {
        found if found == sha256 => Ok(()),
        found => Err(Error::Damaged { url: url.into(), problem: format!("its SHA-256 is {found}, not {sha256}") }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A registry in `folder`, and the files of two models.
    fn setup(folder: &Path) -> (Registry, Files, Files) {
        let files = |name: &str| {
            let path = folder.join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("model.onnx"), name).unwrap();
            std::fs::write(path.join("MODEL_CARD.md"), "card").unwrap();
            Files::of_folder(&path, &["model.onnx".into(), "MODEL_CARD.md".into()]).unwrap()
        };
        let registry = Registry::open(&format!("file://{}/models/cry", folder.display())).unwrap();
        (registry, files("one"), files("two"))
    }

    fn object(folder: &Path, name: &str) -> std::path::PathBuf {
        folder.join("models/cry").join(name)
    }

    #[test]
    fn a_version_is_pushed_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, one, two) = setup(folder.path());
        let version = registry.push(&one).unwrap();
        assert_eq!(registry.push(&one).unwrap(), version);
        assert_ne!(registry.push(&two).unwrap(), version);
        let manifest = registry.manifest(&version).unwrap();
        assert_eq!(&manifest, one.manifest());
        assert_eq!(registry.file(&manifest, "model.onnx").unwrap(), b"one");
        assert!(matches!(registry.file(&manifest, "other"), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_changed_file_and_a_changed_manifest_are_never_used_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, one, _) = setup(folder.path());
        let version = registry.push(&one).unwrap();
        let manifest = registry.manifest(&version).unwrap();
        let model = object(folder.path(), &format!("versions/{version}/model.onnx"));
        std::fs::write(&model, "other").unwrap();
        let message = registry.file(&manifest, "model.onnx").unwrap_err().to_string();
        assert!(message.contains("its SHA-256 is") && message.contains("not used"), "{message}");
        assert!(matches!(registry.push(&one), Err(Error::Damaged { .. })));
        assert_eq!(std::fs::read(&model).unwrap(), b"other");
        std::fs::write(object(folder.path(), &format!("versions/{version}/manifest.json")), "{}").unwrap();
        assert!(matches!(registry.manifest(&version), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_file_outside_the_folder_of_a_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, one, _) = setup(folder.path());
        for name in ["../model.onnx", "/tmp/model.onnx", "a/../../b", "..\\b", ""] {
            let mut manifest = one.manifest().clone();
            manifest.files = manifest.files.into_values().take(1).map(|info| (name.to_owned(), info)).collect();
            let (bytes, version) = manifest.encode().unwrap();
            let path = object(folder.path(), &format!("versions/{version}/manifest.json"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
            let found = registry.manifest(&version);
            assert!(matches!(found, Err(Error::Damaged { .. })), "{name}: {found:?}");
        }
    }

    #[test]
    fn a_push_that_was_cut_off_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, one, _) = setup(folder.path());
        let version = registry.push(&one).unwrap();
        std::fs::remove_file(object(folder.path(), &format!("versions/{version}/manifest.json"))).unwrap();
        std::fs::remove_file(object(folder.path(), &format!("versions/{version}/model.onnx"))).unwrap();
        assert!(matches!(registry.manifest(&version), Err(Error::Missing { .. })), "no manifest, no version");
        assert_eq!(registry.push(&one).unwrap(), version);
        assert_eq!(registry.file(one.manifest(), "model.onnx").unwrap(), b"one");
    }

    #[test]
    fn an_alias_moves_only_from_where_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, one, two) = setup(folder.path());
        let [first, second] = [&one, &two].map(|files| registry.push(files).unwrap());
        assert_eq!(registry.alias("production").unwrap(), None);
        registry.move_alias("production", &first, None).unwrap();
        let read = registry.alias("production").unwrap().unwrap();
        assert_eq!((&read.version, &read.previous), (&first, &None));
        registry.move_alias("production", &second, Some(&read)).unwrap();
        for from in [None, Some(&read)] {
            assert!(matches!(registry.move_alias("production", &first, from), Err(Error::Moved { .. })));
        }
        let now = registry.alias("production").unwrap().unwrap();
        assert_eq!((now.version, now.previous), (second, Some(first)));
        let nowhere = Version::parse(&"0".repeat(64)).unwrap();
        assert!(matches!(registry.move_alias("staging", &nowhere, None), Err(Error::Missing { .. })));
        assert!(registry.alias("../x").unwrap_err().is_wrong_use());
    }

    #[test]
    fn an_address_is_resolved_by_alias_and_by_version() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, one, _) = setup(folder.path());
        let version = registry.push(&one).unwrap();
        let resolve =
            |last: &str| Registry::resolve(&ModelUrl::parse(&format!("{}/{last}", registry.url())).unwrap().unwrap());
        let message = resolve("production").unwrap_err().to_string();
        assert!(message.contains("there is no alias production") && message.contains("wail push MODEL"), "{message}");
        registry.move_alias("production", &version, None).unwrap();
        let by_alias = resolve("production").unwrap();
        assert_eq!(
            (by_alias.version, by_alias.alias.map(|(name, _)| name)),
            (version.clone(), Some("production".into()))
        );
        let by_version = resolve(version.as_str()).unwrap();
        assert!(by_version.version == version && by_version.alias.is_none());
    }
}
