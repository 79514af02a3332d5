//! Routes that know their own method, path and demands, so that a test can hold them against template, document and
//! authorization table.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::routing::{MethodFilter, on};
use domain::limits;
use domain::tenant::Role;
use http::Method;

use super::auth::{self, ClaimNames};
use super::problem::{self, Problem};
use crate::App;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; what comes in proves itself otherwise (a signature) or needs no proof.
    Public,
    /// A tenant's caller with at least this role.
    Tenant(Role),
    /// The operator.
    Operator,
    /// The operator, or a tenant's caller with at least this role; the handler tells them apart.
    OperatorOrTenant(Role),
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path, with `{id}` for parameters.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// The routes of one function, or of several.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// What they are.
    pub list: Vec<Route>,
    router: Router<App>,
}

impl Routes {
    /// One route and its handler.
    pub fn one<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let guarded = on(filter, handler).layer(middleware::from_fn(
            move |request: axum::extract::Request, next: Next| async move {
                let names = request.extensions().get::<ClaimNames>().cloned().unwrap_or_default();
                auth::guard(access, &names, request, next).await
            },
        ));
        Self { list: vec![Route { method, path, access }], router: Router::new().route(path, guarded) }
    }

    /// These routes and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.list.extend(others.list);
        self.router = self.router.merge(others.router);
        self
    }

    /// The service: every request gets an answer of the documented shape.
    pub fn service(self, app: App, names: ClaimNames) -> Router {
        self.router
            .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
            .fallback(|| async { Problem::from(crate::Error::NotFound) })
            .method_not_allowed_fallback(|| async { problem::method_not_allowed() })
            .layer(axum::Extension(names))
            .with_state(app)
    }
}

/// A GET for this role and up.
pub fn get<H: Handler<T, App>, T: 'static>(path: &'static str, role: Role, handler: H) -> Routes {
    Routes::one(Method::GET, path, Access::Tenant(role), handler)
}

/// A POST for this role and up.
pub fn post<H: Handler<T, App>, T: 'static>(path: &'static str, role: Role, handler: H) -> Routes {
    Routes::one(Method::POST, path, Access::Tenant(role), handler)
}

/// A PUT for this role and up.
pub fn put<H: Handler<T, App>, T: 'static>(path: &'static str, role: Role, handler: H) -> Routes {
    Routes::one(Method::PUT, path, Access::Tenant(role), handler)
}

/// A PATCH for this role and up.
pub fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, role: Role, handler: H) -> Routes {
    Routes::one(Method::PATCH, path, Access::Tenant(role), handler)
}

/// A DELETE for this role and up.
pub fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, role: Role, handler: H) -> Routes {
    Routes::one(Method::DELETE, path, Access::Tenant(role), handler)
}

/// A route of the operator's.
pub fn operator<H: Handler<T, App>, T: 'static>(method: Method, path: &'static str, handler: H) -> Routes {
    Routes::one(method, path, Access::Operator, handler)
}

/// A POST for the operator, and for this role and up.
pub fn operator_or_tenant<H: Handler<T, App>, T: 'static>(path: &'static str, role: Role, handler: H) -> Routes {
    Routes::one(Method::POST, path, Access::OperatorOrTenant(role), handler)
}

/// A POST by a third party, which proves itself by its signature.
pub fn webhook<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Routes {
    Routes::one(Method::POST, path, Access::Public, handler)
}
