/// Values of the `AWS::…` pseudo parameters. The partition is always `aws`.
#[derive(Clone, Debug)]
pub struct PseudoParameters {
    pub stack_name: String,
    pub region: String,
    pub account_id: String,
}

impl PseudoParameters {
    /// `resource` is what follows the account, such as `table/users`.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account_id)
    }
}
