//! The embedded backend's stock: the questions that engines are asked, answered by us.

use std::path::Path;

use super::networks;
use super::volumes;
use super::yard::Yard;
use crate::backends::stock::{Network, NewNetwork, NewVolume, Project, StockError, StockName, Volume};

/// What of networks and volumes the embedded backend has: the same verbs as an engine's stock.
#[derive(Debug, Clone)]
pub struct OwnStock {
    networks: Yard,
    volumes: Yard,
}

impl OwnStock {
    /// That of a data folder, where volumes stay, and of a folder of live sandboxes, where networks go with the boot.
    pub fn new(data: &Path, runtime: &Path) -> Self {
        Self { networks: networks::yard(runtime), volumes: volumes::yard(data) }
    }

    /// All networks.
    ///
    /// # Errors
    /// A folder or a label in it cannot be read.
    pub fn networks(&self) -> Result<Vec<Network>, StockError> {
        Ok(networks::list(&self.networks)?)
    }

    /// One of these.
    ///
    /// # Errors
    /// There is none of this name, or it cannot be read.
    pub fn network(&self, name: &StockName) -> Result<Network, StockError> {
        Ok(networks::inspect(&self.networks, name)?)
    }

    /// The live sandboxes in one: the address of each, and its names there.
    ///
    /// # Errors
    /// There is none of this name, or it cannot be read.
    pub fn members(&self, name: &StockName) -> Result<Vec<(String, Vec<String>)>, StockError> {
        Ok(networks::present(&self.networks, name)?)
    }

    /// Makes one. It must be internal; without a subnet it gets the next free one of 10.89.0.0/16.
    ///
    /// # Errors
    /// There is one of this name, it is not internal, its subnet is taken or no IPv4, the caller is not root, or the kernel
    /// refuses.
    pub fn create_network(&self, new: &NewNetwork) -> Result<Network, StockError> {
        Ok(networks::create(&self.networks, new)?)
    }

    /// Removes one.
    ///
    /// # Errors
    /// There is none of this name, or a live sandbox is in it.
    pub fn remove_network(&self, name: &StockName) -> Result<(), StockError> {
        Ok(networks::remove(&self.networks, None, name)?)
    }

    /// Removes one that is of this project.
    ///
    /// # Errors
    /// It is of another project or of none, there is none of this name, or a live sandbox is in it.
    pub fn remove_network_of(&self, project: &Project, name: &StockName) -> Result<(), StockError> {
        Ok(networks::remove(&self.networks, Some(project.as_str()), name)?)
    }

    /// All volumes.
    ///
    /// # Errors
    /// A folder or a label in it cannot be read.
    pub fn volumes(&self) -> Result<Vec<Volume>, StockError> {
        Ok(volumes::list(&self.volumes)?)
    }

    /// One of these.
    ///
    /// # Errors
    /// There is none of this name, or it cannot be read.
    pub fn volume(&self, name: &StockName) -> Result<Volume, StockError> {
        Ok(volumes::inspect(&self.volumes, name)?)
    }

    /// Makes one.
    ///
    /// # Errors
    /// There is one of this name, or its folder cannot be made.
    pub fn create_volume(&self, new: &NewVolume) -> Result<Volume, StockError> {
        Ok(volumes::create(&self.volumes, new)?)
    }

    /// Removes one, with all that is in it.
    ///
    /// # Errors
    /// There is none of this name, a live sandbox uses it, or something in it cannot be removed.
    pub fn remove_volume(&self, name: &StockName) -> Result<(), StockError> {
        Ok(volumes::remove(&self.volumes, None, name)?)
    }

    /// Removes one that is of this project.
    ///
    /// # Errors
    /// It is of another project or of none, there is none of this name, a live sandbox uses it, or something in it cannot be removed.
    pub fn remove_volume_of(&self, project: &Project, name: &StockName) -> Result<(), StockError> {
        Ok(volumes::remove(&self.volumes, Some(project.as_str()), name)?)
    }
}
