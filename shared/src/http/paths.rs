//! Paths that more than their own function must know: the ones third parties are told.

/// Twilio asks what to do with an incoming call.
pub const VOICE: &str = "/webhooks/twilio/voice";
/// Twilio says how a hand-over went.
pub const DIAL_RESULT: &str = "/webhooks/twilio/voice/dial-result";
/// Twilio asks when the first did not answer.
pub const VOICE_FALLBACK: &str = "/webhooks/twilio/voice/fallback";
/// Vapi says how its calls stand.
pub const VAPI: &str = "/webhooks/vapi";
/// Retell says how its calls stand.
pub const RETELL: &str = "/webhooks/retell";
/// ElevenLabs says how its calls stand.
pub const ELEVENLABS: &str = "/webhooks/elevenlabs";
/// Stripe says what became of payments.
pub const STRIPE: &str = "/webhooks/stripe";
/// Twilio says how a call stands.
pub const CALL_STATUS: &str = "/webhooks/twilio/status";
