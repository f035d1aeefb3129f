use perry_sandbox_pipeline::stock::{
    Network, NewNetwork, NewVolume, OwnStock, Project, Stock, StockError, StockName, Volume,
};

/// Where a backend keeps networks and volumes: the same verbs for all.
#[derive(Debug, Clone)]
pub enum Shelf<'a> {
    /// A container engine.
    Engine(Stock<'a>),
    /// The embedded backend.
    Own(OwnStock),
}

macro_rules! verbs {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty),+ $(,)?) => {$(
        pub(crate) fn $name(&self $(, $arg: $type)*) -> Result<$answer, StockError> {
            match self {
                Self::Engine(stock) => stock.$name($($arg),*),
                Self::Own(stock) => stock.$name($($arg),*),
            }
        }
    )+};
}

impl Shelf<'_> {
    verbs! {
        networks() -> Vec<Network>,
        create_network(new: &NewNetwork) -> Network,
        remove_network_of(project: &Project, name: &StockName) -> (),
        volumes() -> Vec<Volume>,
        create_volume(new: &NewVolume) -> Volume,
        remove_volume_of(project: &Project, name: &StockName) -> (),
    }
}
