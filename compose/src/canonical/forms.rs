use super::port::ports;
use super::resource::{external, listed, named, wrapped};
use super::volume::volume;
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Mapping, Node, Path, Value};

/// More ports than this come from no project that anyone runs; one line can ask for 65,536.
const MOST_PORTS: usize = 70_000;

/// Makes short forms long. `lenient` (without interpolation) leaves what cannot be read as it is.
pub(crate) fn canonical(root: &mut Node, lenient: bool, report: &mut Report) {
    let top = Path::top();
    let mut forms = Forms { lenient, report, ports: 0 };
    for (section, content) in root.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
        let top = top.below(&section.name);
        match section.name.as_str() {
            "services" => {
                for (name, service) in content.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
                    let way = top.below(&name.name);
                    if let Some(service) = service.mapping_mut() {
                        forms.service(service, &way);
                    }
                }
            }
            "volumes" | "networks" | "secrets" | "configs" => {
                for (name, resource) in content.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
                    let way = top.below(&name.name);
                    if let Some(resource) = resource.mapping_mut() {
                        external(resource, &way, forms.report);
                    }
                }
            }
            "include" => {
                content.sequence_mut().into_iter().flatten().for_each(|item| wrapped(item, "path"));
            }
            _ => {}
        }
    }
}

/// Drops the empty entries of `dns`.
pub(crate) fn omit_empty(root: &mut Node) {
    let services = root.get_mut("services").and_then(Node::mapping_mut);
    for (_, service) in services.into_iter().flat_map(Mapping::iter_mut) {
        if let Some(servers) = service.get_mut("dns").and_then(Node::sequence_mut) {
            servers.retain(|server| !server.is_null() && server.text() != Some(""));
        }
    }
}

struct Forms<'a> {
    lenient: bool,
    report: &'a mut Report,
    ports: usize,
}

impl Forms<'_> {
    fn service(&mut self, service: &mut Mapping, way: &Path<'_>) {
        for (key, node) in service.iter_mut() {
            let way = way.below(&key.name);
            match key.name.as_str() {
                "build" => self.build(node, &way),
                "depends_on" => self.depends_on(node, &way),
                "env_file" => self.env_file(node, &way),
                "label_file" | "dns" => listed(node),
                "extends" => wrapped(node, "service"),
                "gpus" => gpus(node),
                "networks" | "models" => named(node),
                "volumes" => self.items(node, &way, Self::volume),
                "devices" => self.items(node, &way, Self::device),
                "secrets" | "configs" => self.items(node, &way, Self::file_mount),
                "ports" => self.ports(node, &way),
                "ulimits" => self.ulimits(node, &way),
                "develop" => watches(node),
                _ => {}
            }
        }
    }

    fn items(&mut self, node: &mut Node, way: &Path<'_>, form: fn(&mut Self, &mut Node, &Path<'_>)) {
        for item in node.sequence_mut().into_iter().flatten() {
            form(self, item, &way.below(Path::ITEM));
        }
    }

    fn refuse(&mut self, node: &Node, reason: Reason, message: String) {
        self.report.problem(Problem::new(reason, node.span, message));
    }

    fn wrong_type(&mut self, node: &Node, way: &Path<'_>, wanted: &str) {
        self.refuse(node, Reason::SchemaType, format!("`{way}` must be {wanted}, not {}", node.kind()));
    }

    fn build(&mut self, node: &mut Node, way: &Path<'_>) {
        wrapped(node, "context");
        if node.mapping().is_none() {
            return self.wrong_type(node, way, "text or a mapping");
        }
        for (key, node) in node.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
            let way = way.below(&key.name);
            match key.name.as_str() {
                "secrets" => self.items(node, &way, Self::file_mount),
                "provenance" | "sbom" => {
                    if let Value::Bool(value) = node.value {
                        node.value = Value::Text(value.to_string());
                    }
                }
                "additional_contexts" => self.key_values(node, &way),
                "ssh" => self.ssh(node, &way),
                "ulimits" => self.ulimits(node, &way),
                _ => {}
            }
        }
    }

    fn key_values(&mut self, node: &mut Node, way: &Path<'_>) {
        let Value::Sequence(items) = &node.value else { return };
        let mut long = Mapping::default();
        for item in items {
            match item.text().and_then(|text| text.split_once('=')) {
                Some((key, value)) => long.put(key, item.text_here(value)),
                None if self.lenient => return,
                None => {
                    let text = shown(item.text().unwrap_or_default());
                    let message = format!("`{text}` in `{way}` must be written `name=value`");
                    self.report.problem(Problem::new(Reason::InvalidValue, item.span, message));
                }
            }
        }
        node.value = Value::Mapping(long);
    }

    fn ssh(&mut self, node: &mut Node, way: &Path<'_>) {
        let Value::Sequence(items) = &node.value else { return };
        let mut long = Mapping::default();
        for item in items {
            let text = item.text().unwrap_or_default();
            match text.split_once('=') {
                Some((id, path)) => long.put(id, item.text_here(path)),
                None if text == "default" => long.put(text, Node::new(item.span, Value::Null)),
                None => {
                    let message = format!("`{}` in `{way}` must be `default` or `id=path`", shown(text));
                    self.report.problem(Problem::new(Reason::InvalidValue, item.span, message));
                }
            }
        }
        node.value = Value::Mapping(long);
    }

    fn depends_on(&mut self, node: &mut Node, way: &Path<'_>) {
        if let Value::Sequence(names) = &node.value {
            let mut long = Mapping::default();
            for name in names {
                if let Some(text) = name.text() {
                    long.put(text, Node::new(name.span, Value::Mapping(Mapping::default())));
                }
            }
            node.value = Value::Mapping(long);
        }
        for (key, dependency) in node.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
            let condition = dependency.text_here("service_started");
            let required = Node::new(dependency.span, Value::Bool(true));
            let Some(dependency) = dependency.mapping_mut() else {
                self.wrong_type(dependency, &way.below(&key.name), "a mapping");
                continue;
            };
            if !dependency.contains("condition") {
                dependency.put("condition", condition);
            }
            if !dependency.contains("required") {
                dependency.put("required", required);
            }
        }
    }

    fn env_file(&mut self, node: &mut Node, way: &Path<'_>) {
        listed(node);
        if node.sequence().is_none() {
            return self.wrong_type(node, way, "text or a list");
        }
        for item in node.sequence_mut().into_iter().flatten() {
            wrapped(item, "path");
            let required = Node::new(item.span, Value::Bool(true));
            if let Some(item) = item.mapping_mut().filter(|item| !item.contains("required")) {
                item.put("required", required);
            }
        }
    }

    fn file_mount(&mut self, node: &mut Node, way: &Path<'_>) {
        wrapped(node, "source");
        if node.mapping().is_none() {
            self.wrong_type(node, way, "text or a mapping");
        }
    }

    fn volume(&mut self, node: &mut Node, way: &Path<'_>) {
        match &node.value {
            Value::Mapping(_) => {}
            Value::Text(text) => match volume(text) {
                Ok(volume) => *node = volume.node(node),
                Err(_) if self.lenient => {}
                Err(error) => {
                    let message = format!("`{}` in `{way}` cannot be read: {error}", shown(text));
                    self.refuse(node, Reason::InvalidValue, message);
                }
            },
            _ => self.wrong_type(node, way, "text or a mapping"),
        }
    }

    fn device(&mut self, node: &mut Node, way: &Path<'_>) {
        let Value::Text(text) = &node.value else {
            if node.mapping().is_none() {
                self.wrong_type(node, way, "text or a mapping");
            }
            return;
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, permissions) = match parts.as_slice() {
            [source] => (*source, "", "rwm"),
            [source, target] => (*source, *target, "rwm"),
            [source, target, permissions] => (*source, *target, *permissions),
            _ if self.lenient => ("", "", "rwm"),
            _ => {
                let message =
                    format!("`{}` in `{way}` has more than three parts; use the long form", shown(text));
                return self.refuse(node, Reason::InvalidValue, message);
            }
        };
        let mut long = Mapping::default();
        long.put("source", node.text_here(source));
        long.put("target", node.text_here(if target.is_empty() { source } else { target }));
        long.put("permissions", node.text_here(permissions));
        *node = Node::new(node.span, Value::Mapping(long));
    }

    fn ports(&mut self, node: &mut Node, way: &Path<'_>) {
        let Value::Sequence(items) = &node.value else {
            return self.wrong_type(node, way, "a list");
        };
        if self.ports > MOST_PORTS {
            // That was said, and what comes is not worth working out.
            return;
        }
        let mut long = Vec::with_capacity(items.len());
        for item in items {
            let text = match &item.value {
                Value::Mapping(_) => {
                    long.push(item.clone());
                    continue;
                }
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text.clone(),
                _ => {
                    self.wrong_type(item, &way.below(Path::ITEM), "text, a whole number or a mapping");
                    continue;
                }
            };
            match ports(&text) {
                Ok(ports) => {
                    self.ports = self.ports.saturating_add(ports.len());
                    if self.ports > MOST_PORTS {
                        let message = format!("there are more than {MOST_PORTS} ports in all");
                        return self.refuse(item, Reason::Limit, message);
                    }
                    long.extend(ports.into_iter().map(|port| port.node(item)));
                }
                Err(_) if self.lenient => return,
                Err(error) => {
                    let message = format!("`{}` in `{way}` cannot be read: {error}", shown(&text));
                    self.refuse(item, Reason::InvalidValue, message);
                }
            }
        }
        node.value = Value::Sequence(long);
    }

    fn ulimits(&mut self, node: &mut Node, way: &Path<'_>) {
        for (key, limit) in node.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
            if !matches!(limit.value, Value::Integer(_) | Value::Mapping(_)) {
                self.wrong_type(limit, &way.below(&key.name), "a whole number or a mapping");
            }
        }
    }
}

fn gpus(node: &mut Node) {
    if matches!(node.value, Value::Text(_)) {
        let mut all = Mapping::default();
        all.put("count", node.text_here("all"));
        node.value = Value::Sequence(vec![Node::new(node.span, Value::Mapping(all))]);
    }
}

fn watches(node: &mut Node) {
    let watches = node.get_mut("watch").and_then(Node::sequence_mut);
    for watch in watches.into_iter().flatten() {
        for key in ["ignore", "include"] {
            if let Some(paths) = watch.get_mut(key) {
                listed(paths);
            }
        }
    }
}
