//! The text of a reply.

use serde::Serialize;

use crate::fault::Fault;

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| Fault::internal())
}

/// The envelope of a value (JSON) or a fault. INVARIANT: `id` needs no escapes; requests with another are refused.
pub(crate) fn answer(id: &str, value: Result<String, Fault>) -> String {
    match value {
        Ok(value) => format!(r#"{{"v":1,"id":"{id}","ok":true,"value":{value}}}"#),
        Err(fault) => {
            let (code, status) = (fault.code.name(), fault.code.status());
            let message = serde_json::Value::String(fault.message);
            let details =
                fault.details.map_or_else(String::new, |details| format!(r#","details":{details}"#));
            format!(
                r#"{{"v":1,"id":"{id}","ok":false,"error":{{"code":"{code}","status":{status},"message":{message}{details}}}}}"#
            )
        }
    }
}
