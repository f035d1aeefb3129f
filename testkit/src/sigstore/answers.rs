//! What the services answer: Fulcio 1 and 2, Rekor 1 and 2, time stamps.

use serde_json::{Value, json};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;

use super::der::{b64, from_pem, hex, pem, sha256, unb64};
use super::instance::Sigstore;
use super::log::Log;
use crate::http::{Answer, Request};

/// Answers one request.
pub(crate) fn answer(instance: &Sigstore, request: &Request) -> Answer {
    let body = || serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/v2/signingCert") => json_answer(200, &fulcio_v2(instance, &body())),
        ("POST", "/api/v1/signingCert") => fulcio_v1(instance, &body()),
        ("POST", "/api/v1/log/entries") => rekor_v1(instance, &body()),
        ("GET", "/api/v1/log/publicKey") => {
            Answer::new(200).header("Content-Type", "application/x-pem-file").bytes(instance.log.key.pem())
        }
        ("POST", "/api/v2/log/entries") => rekor_v2(instance, &body()),
        ("POST", "/api/v1/timestamp") => Answer::new(201)
            .header("Content-Type", "application/timestamp-reply")
            .bytes(instance.tsa.answer(&request.body, instance.stamped_at)),
        _ => Answer::new(404),
    }
}

fn json_answer(status: u16, value: &Value) -> Answer {
    Answer::new(status).header("Content-Type", "application/json").bytes(value.to_string())
}

/// The public key that a certificate is asked for: in a request by PKCS 10, or bare.
fn asked_for(body: &Value) -> Vec<u8> {
    if let Some(request) = body["certificateSigningRequest"].as_str() {
        let request = CertReq::from_der(&from_pem(&unb64(request))).expect("a certificate request");
        return request.info.public_key.to_der().expect("encoded");
    }
    let key = [&body["publicKeyRequest"]["publicKey"]["content"], &body["publicKey"]["content"]];
    let text = key.into_iter().find_map(Value::as_str).expect("a public key");
    // Version 2 sends PEM, version 1 the same in base64.
    if text.contains("-----BEGIN") { from_pem(text.as_bytes()) } else { from_pem(&unb64(text)) }
}

fn certificates(instance: &Sigstore, body: &Value) -> Vec<String> {
    let [intermediate, root] = instance.chain();
    let leaf = instance.certify(&asked_for(body));
    [leaf, intermediate, root].iter().map(|der| pem("CERTIFICATE", der)).collect()
}

fn fulcio_v2(instance: &Sigstore, body: &Value) -> Value {
    json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates(instance, body)}}})
}

fn fulcio_v1(instance: &Sigstore, body: &Value) -> Answer {
    Answer::new(201)
        .header("Content-Type", "application/pem-certificate-chain")
        .bytes(certificates(instance, body).concat())
}

/// cosign 3.1.1 crashes on an answer without `ETag`.
fn rekor_v1(instance: &Sigstore, proposal: &Value) -> Answer {
    let log: &Log = &instance.log;
    let Some(body) = stored(proposal) else { return Answer::new(400) };
    let (id, entry) = log.in_answer(&log.append(&body, instance.logged_at));
    json_answer(201, &json!({id.as_str(): entry}))
        .header("ETag", &id)
        .header("Location", &format!("/api/v1/log/entries/{id}"))
}

/// What Rekor 1 keeps of a proposal.
fn stored(proposal: &Value) -> Option<Value> {
    let spec = &proposal["spec"];
    let kept = match proposal["kind"].as_str()? {
        "hashedrekord" => json!({
            "data": {"hash": spec["data"]["hash"]},
            "signature": {
                "content": spec["signature"]["content"],
                "publicKey": {"content": spec["signature"]["publicKey"]["content"]},
            },
        }),
        "dsse" => {
            let text = spec["proposedContent"]["envelope"].as_str()?;
            let envelope: Value = serde_json::from_str(text).ok()?;
            let payload = unb64(envelope["payload"].as_str()?);
            let verifiers = spec["proposedContent"]["verifiers"].as_array()?;
            let signatures = envelope["signatures"].as_array()?.iter().zip(verifiers);
            let signatures: Vec<_> = signatures
                .map(|(signature, verifier)| json!({"signature": signature["sig"], "verifier": verifier}))
                .collect();
            json!({
                "envelopeHash": hash_of(text.as_bytes()), "payloadHash": hash_of(&payload),
                "signatures": signatures,
            })
        }
        "intoto" => {
            let content = &spec["content"];
            let envelope = &content["envelope"];
            // This kind encodes the payload twice.
            let payload = unb64(&String::from_utf8(unb64(envelope["payload"].as_str()?)).ok()?);
            json!({"content": {
                "envelope": {
                    "payloadType": envelope["payloadType"], "signatures": envelope["signatures"],
                },
                "hash": content["hash"], "payloadHash": hash_of(&payload),
            }})
        }
        _ => return None,
    };
    Some(json!({"apiVersion": proposal["apiVersion"], "kind": proposal["kind"], "spec": kept}))
}

fn hash_of(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex(&sha256(bytes))})
}

fn rekor_v2(instance: &Sigstore, request: &Value) -> Answer {
    let asked = &request["hashedRekordRequestV002"];
    if !asked.is_object() {
        return Answer::new(400);
    }
    let digest = unb64(asked["digest"].as_str().unwrap_or_default());
    let spec = json!({
        "data": {"algorithm": "SHA2_256", "digest": b64(digest)}, "signature": asked["signature"],
    });
    let body = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}});
    let log = &instance.tiled;
    json_answer(201, &log.in_bundle(&log.append(&body, instance.logged_at)))
}
