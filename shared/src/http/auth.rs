//! Who is calling. The host has checked the token (API Gateway's JWT authorizer, or the local host by JWKS) and hands
//! over its claims; here they become a caller, and a route's demands are held against them.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::audit::Actor;
use domain::tenant::Role;
use domain::{ProjectId, TenantId};
use http::request::Parts;

use super::problem::Problem;
use super::routes::Access;
use crate::Error;

/// The claims of a checked token, by name; put into the request by the host.
#[derive(Debug, Clone, Default)]
pub struct Claims(pub BTreeMap<String, String>);

/// Claim with whose token it is (RFC 7519); the one name on which identity providers agree.
const SUBJECT: &str = "sub";

/// How the claims are called; configurable, since identity providers differ.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// Claim with the tenant's id.
    pub tenant: String,
    /// Claim with the role.
    pub role: String,
    /// Claim with the project a token is confined to.
    pub project: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { tenant: "tenant_id".into(), role: "role".into(), project: "project_id".into() }
    }
}

/// A tenant's person or program.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose.
    pub tenant: TenantId,
    /// What it may do.
    pub role: Role,
    /// The only project it sees, if it is confined to one.
    pub project: Option<ProjectId>,
}

impl Caller {
    /// Whether something of this project is visible to the caller.
    #[must_use]
    pub fn sees(&self, project: Option<&ProjectId>) -> bool {
        self.project.is_none() || self.project.as_ref() == project
    }

    /// Refuses what belongs to the tenant as a whole to a caller confined to a project.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn sees_all(&self) -> Result<(), Error> {
        if self.project.is_none() { Ok(()) } else { Err(Error::NotFound) }
    }
}

/// Somebody who runs this deployment.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Who, as the identity provider calls them.
    pub subject: String,
}

impl Operator {
    /// As the audit trail has them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::operator(&self.subject)
    }
}

/// Who calls a route that lets both in.
#[derive(Debug, Clone)]
pub enum Who {
    /// Somebody who runs this deployment.
    Operator(Operator),
    /// A tenant's.
    Tenant(Caller),
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match (parts.extensions.get::<Operator>(), parts.extensions.get::<Caller>()) {
            (Some(operator), _) => Ok(Self::Operator(operator.clone())),
            (None, Some(caller)) => Ok(Self::Tenant(caller.clone())),
            (None, None) => Err(Problem::unauthenticated()),
        }
    }
}

/// Lets a request through to a route, or answers 401 or 403. Runs before anything of the request is read.
pub(super) async fn guard(access: Access, names: &ClaimNames, mut request: Request, next: Next) -> Response {
    let (operators, wanted) = match access {
        Access::Public => return next.run(request).await,
        Access::Tenant(role) => (false, Some(role)),
        Access::Operator => (true, None),
        Access::OperatorOrTenant(role) => (true, Some(role)),
    };
    let Some(claims) = request.extensions().get::<Claims>() else { return Problem::unauthenticated().into_response() };
    let claim = |name: &str| claims.0.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let role = claim(&names.role).and_then(Role::from_claim);
    if operators && role == Some(Role::Operator) {
        // A token need not say whose it is; the trail then says that it did not.
        let operator = Operator { subject: claim(SUBJECT).unwrap_or("unnamed").to_owned() };
        request.extensions_mut().insert(operator);
        return next.run(request).await;
    }
    let caller = caller(role, claim(&names.tenant), claim(&names.project));
    match caller.filter(|caller| wanted.is_some_and(|wanted| caller.role >= wanted)) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => Problem::from(Error::Forbidden).into_response(),
    }
}

fn caller(role: Option<Role>, tenant: Option<&str>, project: Option<&str>) -> Option<Caller> {
    let role = role.filter(|role| *role != Role::Operator)?;
    // A project claim that is no id confines to nothing that exists, not to everything.
    let project = project.map(str::parse).transpose().ok()?;
    Some(Caller { tenant: tenant?.parse().ok()?, role, project })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_make_a_caller_or_none() {
        let check = |role: Option<Role>, tenant: Option<&str>, project: Option<&str>, ok: bool| {
            assert_eq!(caller(role, tenant, project).is_some(), ok, "{role:?} {tenant:?} {project:?}");
        };
        check(Some(Role::Owner), Some("acme"), None, true);
        check(Some(Role::Owner), Some("acme"), Some("prj_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b"), true);
        check(Some(Role::Owner), Some("acme"), Some("all"), false);
        check(Some(Role::Owner), Some("acme#x"), None, false);
        check(Some(Role::Owner), None, None, false);
        check(Some(Role::Operator), Some("acme"), None, false);
        check(None, Some("acme"), None, false);
    }
}
