//! What a server's welcome demands before `bind` [client.md: welcome and permissions].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What has to be shown before `bind`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Demand {
    /// Nothing.
    Nothing,
    /// A stamp that took work.
    Hashcash {
        /// The zero bits with which its hash begins.
        bits: u32,
        /// What it is for.
        resource: String,
    },
}

/// A demand that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnmetDemand {
    /// Only methods that we do not know are offered: their names.
    #[error("the server demands a permission by a method that is unknown here: {0}")]
    Methods(String),
    /// It is malformed.
    #[error("the server's demand for a permission is malformed")]
    Malformed,
}

impl Demand {
    /// Reads the `permission-required` of a welcome, where there is one.
    ///
    /// Where `none` is offered, which is an object, nothing else matters.
    ///
    /// # Errors
    /// [`UnmetDemand`].
    pub fn read(welcome: &Map<String, Value>) -> Result<Self, UnmetDemand> {
        let Some(required) = welcome.get("permission-required").filter(|value| !value.is_null())
        else {
            return Ok(Self::Nothing);
        };
        let methods = required.as_object().ok_or(UnmetDemand::Malformed)?;
        if methods.get("none").is_some_and(Value::is_object) {
            return Ok(Self::Nothing);
        }
        // A server that offers a method names it; null says that it is not to be had.
        let mut offered = methods.iter().filter(|(_, how)| !how.is_null()).peekable();
        if offered.peek().is_none() {
            return Err(UnmetDemand::Malformed);
        }
        let Some(hashcash) = methods.get("hashcash").filter(|how| !how.is_null()) else {
            let names: Vec<_> = offered.map(|(name, _)| name.as_str()).collect();
            return Err(UnmetDemand::Methods(names.join(", ")));
        };
        let bits = hashcash["bits"].as_u64().and_then(|bits| u32::try_from(bits).ok());
        let resource = hashcash["resource"].as_str().map(str::to_owned);
        let (bits, resource) = bits.zip(resource).ok_or(UnmetDemand::Malformed)?;
        Ok(Self::Hashcash { bits, resource })
    }
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Permission {
    /// A stamp.
    Hashcash {
        /// As [`Minting`](crate::hashcash::Minting) makes it.
        stamp: String,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(required: &str) -> Result<Demand, UnmetDemand> {
        let welcome = format!(r#"{{"permission-required": {required}}}"#);
        Demand::read(&serde_json::from_str(&welcome).unwrap())
    }

    #[test]
    fn what_is_demanded() {
        assert_eq!(Demand::read(&Map::new()), Ok(Demand::Nothing));
        assert_eq!(read(r#"{"none": {}, "hashcash": {"bits": 9}}"#), Ok(Demand::Nothing));
        let stamp = Demand::Hashcash { bits: 6, resource: "r".to_owned() };
        let offer = r#""hashcash": {"bits": 6, "resource": "r", "x": 1}"#;
        for other in ["", r#""none": null, "#, r#""voucher": {}, "#] {
            assert_eq!(read(&format!("{{{other}{offer}}}")), Ok(stamp.clone()));
        }
    }

    #[test]
    fn what_cannot_be_met() {
        let unknown = UnmetDemand::Methods("coin, voucher".to_owned());
        assert_eq!(read(r#"{"coin": {}, "voucher": {}, "none": null}"#), Err(unknown));
        assert_eq!(read("null"), Ok(Demand::Nothing));
        for malformed in [
            "[]",
            "{}",
            r#"{"none": null}"#,
            r#"{"hashcash": {}}"#,
            r#"{"hashcash": {"bits": -1, "resource": "r"}}"#,
            r#"{"hashcash": {"bits": 4294967296, "resource": "r"}}"#,
            r#"{"hashcash": {"bits": 6, "resource": 1}}"#,
        ] {
            assert_eq!(read(malformed), Err(UnmetDemand::Malformed), "{malformed}");
        }
    }
}
