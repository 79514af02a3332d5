//! What takes two failures in a row.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timing() {
    use std::time::Instant;
    for _ in 0..3 {
        let t = Instant::now();
        let app = tests::TestApp::start().await;
        eprintln!("start {:?}", t.elapsed());
        let t = Instant::now();
        let tenant = app.tenant("PRO", "10.00").await;
        eprintln!("tenant {:?}", t.elapsed());
        let t = Instant::now();
        let _ = app.offers(&tenant, "212").await;
        eprintln!("offers {:?}", t.elapsed());
        let t = Instant::now();
        let _ = app.post(&tenant, "/v1/numbers", "k", serde_json::json!({"country":"US"})).await.expect(201);
        eprintln!("purchase {:?}", t.elapsed());
        let t = Instant::now();
        app.restart_workers().await;
        eprintln!("restart {:?}", t.elapsed());
        let t = Instant::now();
        app.advance("PT15M").await;
        eprintln!("advance {:?}", t.elapsed());
        let t = Instant::now();
        app.verify().await;
        eprintln!("verify {:?}", t.elapsed());
        let t = Instant::now();
        crate::world::dump(&app).await;
        eprintln!("dump {:?}", t.elapsed());
        let t = Instant::now();
        app.state("twilio").await;
        eprintln!("state {:?}", t.elapsed());
        let t = Instant::now();
        local::functions::all().service(app.system.app.clone(), shared::http::auth::ClaimNames::default());
        eprintln!("routes {:?}", t.elapsed());
        let t = Instant::now();
        drop(app);
        eprintln!("drop {:?}", t.elapsed());
    }
}
