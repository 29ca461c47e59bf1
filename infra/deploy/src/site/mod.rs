//! The static site as it is served: pages with the organization's name and telephone, a style sheet with its colors,
//! and the upload to a deployed stack.

mod content_type;
mod page;
mod settings;
mod theme;
mod upload;

pub use content_type::content_type;
pub use page::render_page;
pub use theme::stylesheet;
pub use upload::{RELEASE, upload};
