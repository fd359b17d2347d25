//! SIGHUP: the model is loaded again while the former one answers.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;

use crate::model_args::ModelArgs;
use crate::service::Service;

/// Loads the model of `arguments` at each `signal` and gives it to `service`. If that fails, the former model stays.
pub async fn at_each(mut signal: Signal, service: Arc<Service>, arguments: ModelArgs) {
    while signal.recv().await.is_some() {
        let (service, arguments) = (Arc::clone(&service), arguments.clone());
        // A load that panics is logged by the panic itself; the next signal tries again.
        let _ = spawn_blocking(move || reload(&service, &arguments)).await;
    }
}

fn reload(service: &Service, arguments: &ModelArgs) {
    match arguments.load() {
        Ok(classifier) => {
            if let Err(reason) = service.replace(classifier) {
                tracing::error!("{reason}; the former model stays");
            }
        }
        Err(error) => tracing::error!(%error, "the model was not loaded again; the former one stays"),
    }
}
