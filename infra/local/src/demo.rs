//! p
pub async fn play() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}
pub async fn seed(_: &crate::system::System) -> Result<String, Box<dyn std::error::Error>> {
    Ok(String::new())
}
