//! Stores into which a load looks: ours by its API, servers and folders by what `pipeline/stores` knows of them, anybody's by a request or
//! a command of its owner's.

mod command;
#[cfg(feature = "actions")]
mod web;

use super::super::TwinError;
use super::super::parts::{Login, Server};
#[cfg(feature = "postgres")]
use crate::pipeline::stores::postgres::PostgresSettings;
use crate::pipeline::stores::sight::{ParquetSight, Sight};
use crate::studies::load::StoreAsked;

/// Variables of the environment that say who we are to the store.
pub(super) const VARIABLES: [&str; 3] = ["CITYTWIN_STORE_USER", "CITYTWIN_STORE_PASSWORD", "CITYTWIN_STORE_TOKEN"];

/// Takes a store to look into; it need not answer yet. `secrets` gives a variable of the environment.
pub(super) fn open(asked: &StoreAsked, secrets: fn(&str) -> Option<String>) -> Result<Box<dyn Sight>, TwinError> {
    let Some(at) = &asked.at else { return Ok(Box::new(command::CommandSight::new(asked.command.clone()))) };
    let (scheme, rest) = at.split_once("://").unwrap_or((at, ""));
    let [user, password, token] = VARIABLES;
    let named = |name: &str| secrets(name).map(|_| name.to_owned());
    let login = Login { user_from: named(user), password_from: named(password) };
    let server = Server { url: at.clone(), name: asked.name.clone(), login, ca: asked.ca.clone(), places: false };
    let url = server.with_login(&secrets)?;
    match scheme {
        "parquet" => Ok(Box::new(ParquetSight::new(std::path::Path::new(rest)))),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            use crate::pipeline::stores::sight::PostgresSight;
            let mut settings = PostgresSettings::new(&url, &asked.name);
            settings.authorities.clone_from(&asked.ca);
            Ok(Box::new(PostgresSight::new(&settings, asked.query.clone())?))
        }
        #[cfg(feature = "redis")]
        "redis" | "rediss" => {
            use crate::pipeline::stores::live::RedisSettings;
            use crate::pipeline::stores::sight::RedisSight;
            let mut settings = RedisSettings::new(&url, &asked.name);
            settings.authorities.clone_from(&asked.ca);
            Ok(Box::new(RedisSight::new(&settings, asked.query.as_deref())?))
        }
        #[cfg(feature = "actions")]
        "http" | "https" => Ok(Box::new(web::WebSight::new(at, secrets(token)))),
        _ => {
            // What a build leaves out it does not read either.
            let _ = (url, token);
            Err(TwinError::Service(format!("this program was built without what reads `{scheme}://` stores")))
        }
    }
}
