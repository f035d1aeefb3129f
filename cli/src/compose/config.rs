//! `config`: a project as its files say it.

use perry_sandbox_compose::{Loaded, Options, Project, Request, load};
use perry_sandbox_stack::Disk;

use crate::args::{Cli, ConfigArgs, Format};
use crate::diff;
use crate::list;
use crate::origin;
use crate::output::{self, Failure};
use crate::pinned;
use crate::redact::is_secret;

/// Reads a project and prints what was asked for.
pub(crate) fn run(cli: &Cli, args: &ConfigArgs) -> Result<(), Failure> {
    let whole = !list::is_wanted(&args.part);
    let asked = args.part.variables || args.part.explain.is_some();
    let options = Options {
        interpolate: !args.no_interpolate && !asked,
        normalize: !args.no_normalize && !cli.compatibility,
        resolve_paths: !args.no_path_resolution,
        check_consistency: !args.no_consistency,
        resolve_environment: whole || args.part.environment,
    };
    let request = request(cli, options)?;
    if args.part.diff {
        return diff::print(&request, args.format, args.reveal);
    }
    let loaded = load(&request, &Disk::of(&request))?;
    if args.part.variables {
        return list::variables(&loaded, args.format);
    }
    if let Some(name) = &args.part.explain {
        return origin::explain(&loaded, &request, name, args.reveal);
    }
    if args.no_interpolate && (whole || args.part.services) {
        output::warnings(&loaded.warnings, &loaded.sources);
        return if whole { raw(loaded, args) } else { list::raw_services(&loaded) };
    }
    let project = project(cli, args, loaded, &request)?;
    if whole { print(project, args) } else { list::print(&project, &args.part) }
}

/// What the command line and the environment say of the project.
pub(crate) fn request(cli: &Cli, options: Options) -> Result<Request, Failure> {
    let folder = std::env::current_dir().map_err(|error| Failure::Folder(error.to_string()))?;
    let folder = folder.into_os_string().into_string();
    let current_folder = folder.map_err(|_| Failure::Folder("its name is not text in UTF-8".to_owned()))?;
    Ok(Request {
        current_folder,
        // A name or value that is not text can be in no project.
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        files: cli.file.clone(),
        env_files: cli.env_file.clone(),
        project_name: cli.project_name.clone(),
        project_directory: cli.project_directory.clone(),
        profiles: cli.profile.clone(),
        options,
    })
}

fn project(cli: &Cli, args: &ConfigArgs, loaded: Loaded, request: &Request) -> Result<Project, Failure> {
    let mut project = Project::new(loaded, request.options, &Disk::of(request))?;
    output::warnings(&project.warnings, &project.sources);
    project.enable(&args.services);
    project.select(&args.services)?;
    if !cli.all_resources {
        project.drop_unused();
    }
    Ok(project)
}

fn print(mut project: Project, args: &ConfigArgs) -> Result<(), Failure> {
    if !args.no_consistency {
        project.check_container_names()?;
    }
    let yaml = args.format != Some(Format::Json);
    if hides(args) {
        project.hide_variables(is_secret);
    }
    if args.resolve_image_digests || args.lock_image_digests {
        pinned::pin(&mut project)?;
    }
    if args.lock_image_digests {
        return write(&pinned::over(&project, args.format), args);
    }
    let text = if yaml { project.to_yaml() } else { project.to_json()? };
    write(&text, args)
}

fn raw(mut loaded: Loaded, args: &ConfigArgs) -> Result<(), Failure> {
    let yaml = args.format != Some(Format::Json);
    if hides(args) {
        loaded.hide_variables(is_secret);
    }
    let text = if yaml { loaded.to_yaml() } else { loaded.to_json()? };
    write(&text, args)
}

/// Whether values that look secret are not shown: where a person reads, or asks for that.
fn hides(args: &ConfigArgs) -> bool {
    let yaml = args.format != Some(Format::Json);
    args.redact || (yaml && args.output.is_none() && output::is_terminal() && !args.reveal)
}

fn write(text: &str, args: &ConfigArgs) -> Result<(), Failure> {
    if args.quiet {
        return Ok(());
    }
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::Write { path: path.display().to_string(), error }),
        None => output::text(text),
    }
}
