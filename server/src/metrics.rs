//! The figures in OpenMetrics form.

use std::{fmt, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::figures::{Figure, Kind, Samples};

/// The `Content-Type` of the form.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, &'static str)>;

/// Writes groups of figures, in which every name begins with that of the group.
///
/// # Errors
/// None that a text in memory does not have.
pub(crate) fn openmetrics(groups: Vec<(&str, Vec<Figure>)>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    for (group, figures) in groups {
        let registry = registry.sub_registry_with_prefix(group);
        figures.into_iter().for_each(|figure| register(registry, figure));
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn register(registry: &mut Registry, figure: Figure) {
    let samples: Vec<(Labels, f64)> = match figure.samples {
        Samples::One(figure) => vec![(Vec::new(), figure)],
        Samples::Each(label, samples) => {
            samples.into_iter().map(|(value, figure)| (vec![(label, value)], figure)).collect()
        }
    };
    match figure.kind {
        Kind::Gauge => {
            let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
            for (labels, figure) in samples {
                family.get_or_create(&labels).set(figure);
            }
            registry.register(figure.name, figure.help, family);
        }
        Kind::Counter => {
            let family = Family::<Labels, Counter<f64, AtomicU64>>::default();
            for (labels, figure) in samples {
                family.get_or_create(&labels).inc_by(figure);
            }
            registry.register(figure.name, figure.help, family);
        }
    }
}
