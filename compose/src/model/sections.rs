use super::kind::{Keep, Kind, Shape, full, given, kept};
use super::service::SERVICE;

/// A whole project, in the order in which YAML prints it.
pub(crate) const PROJECT: Shape = Shape::new(&[
    full("name", Kind::Text),
    kept("services", Kind::NamedParts(&SERVICE), Keep::Always),
    full("networks", Kind::NamedParts(&NETWORK)),
    full("volumes", Kind::NamedParts(&VOLUME)),
    full("secrets", Kind::NamedParts(&SECRET)),
    full("configs", Kind::NamedParts(&CONFIG)),
    full("models", Kind::NamedParts(&MODEL)),
]);

const NETWORK: Shape = Shape::new(&[
    full("name", Kind::Text),
    full("driver", Kind::Text),
    full("driver_opts", Kind::Options),
    kept("ipam", Kind::Part(&IPAM), Keep::EmptyInJson),
    full("external", Kind::Bool),
    full("internal", Kind::Bool),
    full("attachable", Kind::Bool),
    full("labels", Kind::Labels),
    given("enable_ipv4", Kind::Bool),
    given("enable_ipv6", Kind::Bool),
]);

const IPAM: Shape = Shape::new(&[full("driver", Kind::Text), full("config", Kind::Parts(&POOL))]);

const POOL: Shape = Shape::plain(&[
    full("subnet", Kind::Text),
    full("gateway", Kind::Text),
    full("ip_range", Kind::Text),
    full("aux_addresses", Kind::Labels),
]);

const VOLUME: Shape = Shape::new(&[
    full("name", Kind::Text),
    full("driver", Kind::Text),
    full("driver_opts", Kind::Options),
    full("external", Kind::Bool),
    full("labels", Kind::Labels),
]);

const SECRET: Shape = Shape::new(&[
    full("name", Kind::Text),
    full("file", Kind::Text),
    full("environment", Kind::Text),
    full("external", Kind::Bool),
    full("labels", Kind::Labels),
    full("driver", Kind::Text),
    full("driver_opts", Kind::TextMap),
    full("template_driver", Kind::Text),
]);

const CONFIG: Shape = Shape::new(&[
    full("name", Kind::Text),
    full("file", Kind::Text),
    full("environment", Kind::Text),
    full("content", Kind::Text),
    full("external", Kind::Bool),
    full("labels", Kind::Labels),
    full("driver", Kind::Text),
    full("driver_opts", Kind::TextMap),
    full("template_driver", Kind::Text),
]);

const MODEL: Shape = Shape::new(&[
    full("name", Kind::Text),
    full("model", Kind::Text),
    full("context_size", Kind::Integer),
    full("runtime_flags", Kind::Texts),
]);
