//! Verdicts that replicas share in Redis or Valkey. It may be slow, away or empty; that costs time and nothing else.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, IntoConnectionInfo, RedisError, SetExpiry, SetOptions};
use verimage::SharedPlace;
use verimage_core::async_trait;

/// How long an answer is waited for: asking a registry takes no longer than that by much.
const ANSWER: Duration = Duration::from_millis(100);
/// How long a connection is waited for.
const CONNECT: Duration = Duration::from_millis(200);
/// Connections that fail are tried again after this, at most.
const PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Redis(ConnectionManager);

impl Redis {
    /// Connects when it is first needed, and again whenever the connection was lost.
    pub(crate) fn new(url: &str, password: Option<&str>) -> Result<Self, RedisError> {
        let mut info = url.into_connection_info()?;
        if let Some(password) = password {
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(CONNECT))
            .set_number_of_retries(1)
            .set_max_delay(PAUSE);
        Ok(Self(Client::open(info)?.get_connection_manager_lazy(config)?))
    }
}

#[async_trait]
impl SharedPlace for Redis {
    async fn get(&self, name: &str) -> Option<Vec<u8>> {
        let found = tokio::time::timeout(ANSWER + CONNECT, self.0.clone().get::<_, Option<Vec<u8>>>(name)).await;
        found.ok()?.ok()?
    }

    async fn put(&self, name: &str, entry: Vec<u8>, lifetime: Duration) {
        let expiry = SetExpiry::PX(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1));
        let options = SetOptions::default().with_expiration(expiry);
        // What is not kept there is found out again.
        let _ = self.0.clone().set_options::<_, _, ()>(name, entry, options).await;
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redis(..)")
    }
}
