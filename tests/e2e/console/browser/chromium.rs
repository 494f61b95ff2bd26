//! A headless Chromium with a profile of its own, for tests of pages: it acts like a user and takes screenshots.
//!
//! [`Browser::start`] finds Chromium with `scripts/browser.sh`, which installs it where it is allowed to. [`Browser::faults`]
//! checks a page with axe-core for what makes it unusable for some people, and with `chromium.js` for what axe-core does not know.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{Running, eventually, workspace};
use serde_json::{Value, json};
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, WebElement};
use uuid::Uuid;

const UNTIL_STARTED: Duration = Duration::from_secs(30);
const UNTIL_THERE: Duration = Duration::from_secs(20);
const INSPECTION: &str = include_str!("chromium.js");
const AXE: &str = include_str!("../../axe/axe.min.js");
/// All rules of axe-core, also those that are only good practice.
const VIOLATIONS: &str = "return axe.run(document, { resultTypes: ['violations'] }).then((found) =>
    (found.passes.length > 5 ? [] : ['axe-core has not looked at the page']).concat(found.violations.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.html.slice(0, 160)} (${node.failureSummary.split('\\n').pop().trim()})`))))";

/// The window size and colour scheme of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) dark: bool,
}

impl View {
    pub(super) const DESKTOP: View = View { name: "desktop", width: 1440, height: 900, dark: false };
    pub(super) const PHONE: View = View { name: "phone", width: 390, height: 844, dark: false };
    pub(super) const DARK: View = View { name: "dark", width: 1440, height: 900, dark: true };
}

/// The fields are dropped in this order.
pub(super) struct Browser {
    /// Dropping it ends Chromium.
    pub(super) driver: WebDriver,
    _chromedriver: Running,
    _profile: Profile,
}

/// A folder for one browser, removed when dropped.
struct Profile(PathBuf);

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Browser {
    /// `None`, with a printed line, where there is no browser. With `CI=true` that is a failure.
    pub(super) async fn start() -> Result<Option<Self>> {
        // The driver has an HTTP client of its own.
        base::tls::install_provider();
        let mut script = tokio::process::Command::new("bash");
        script.arg(workspace().join("scripts/browser.sh")).stderr(Stdio::inherit());
        let found = script.output().await.context("browser.sh")?;
        if !found.status.success() {
            let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
            ensure!(!required, "the console's pages must be looked at, and there is no browser");
            println!("NOT CHECKED: the console's pages in a browser; scripts/browser.sh says what is missing");
            return Ok(None);
        }
        let text = String::from_utf8(found.stdout)?;
        let value = |name: &str| {
            let word = text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            word.map(str::to_owned).with_context(|| format!("browser.sh printed no {name}"))
        };
        let profile = Profile(std::env::temp_dir().join(format!("callbridge-browser-{}", Uuid::new_v4().simple())));
        std::fs::create_dir_all(&profile.0)?;
        let log = profile.0.join("chromedriver.log");
        let mut chromedriver = Command::new(value("CHROMEDRIVER")?);
        chromedriver.arg("--port=0").stdin(Stdio::null()).stdout(File::create(&log)?).stderr(Stdio::null());
        let chromedriver = Running::spawn(&mut chromedriver)?;
        let started = || async { port(&std::fs::read_to_string(&log).ok()?) };
        let port = eventually(UNTIL_STARTED, started).await.context("chromedriver does not start")?;
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(&value("CHROMIUM")?)?;
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", profile.0.display()),
        ] {
            wanted.add_arg(argument)?;
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.context("Chromium")?;
        Ok(Some(Self { driver, _chromedriver: chromedriver, _profile: profile }))
    }

    pub(super) async fn look_with(&self, view: View) -> Result<()> {
        let size =
            json!({ "width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": view.width < 600 });
        self.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        let scheme = if view.dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    pub(super) async fn open(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// The element, as soon as it exists.
    pub(super) async fn find(&self, css: &str) -> Result<WebElement> {
        let found = eventually(UNTIL_THERE, || async { self.driver.find(By::Css(css)).await.ok() }).await;
        found.with_context(|| format!("{css} is not on the page"))
    }

    /// The link with this text.
    pub(super) async fn link(&self, text: &str) -> Result<WebElement> {
        let found = eventually(UNTIL_THERE, || async { self.driver.find(By::LinkText(text)).await.ok() }).await;
        found.with_context(|| format!("the link {text:?} is not on the page"))
    }

    /// The text of the page, as soon as it contains `expected`.
    pub(super) async fn says(&self, expected: &str) -> Result<String> {
        let said = || async {
            let text = self.driver.find(By::Css("main")).await.ok()?.text().await.ok()?;
            text.contains(expected).then_some(text)
        };
        match eventually(UNTIL_THERE, said).await {
            Some(text) => Ok(text),
            None => anyhow::bail!("the page does not say {expected:?}:\n{}", self.find("main").await?.text().await?),
        }
    }

    /// The value that a script returns.
    pub(super) async fn evaluate(&self, script: &str) -> Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// The faults that axe-core and `chromium.js` find in the page, one per line.
    pub(super) async fn faults(&self) -> Result<Vec<String>> {
        self.evaluate(AXE).await?;
        let mut faults: Vec<String> = serde_json::from_value(self.evaluate(VIOLATIONS).await?)?;
        faults.extend(serde_json::from_value::<Vec<String>>(self.evaluate(INSPECTION).await?)?);
        Ok(faults)
    }

    /// A screenshot from the top of the page, at most this high, scaled down by this factor.
    pub(super) async fn photograph(&self, file: &Path, highest: u64, scale: f64) -> Result<()> {
        // The focused element has a focus ring, which does not belong in a screenshot.
        let script = "document.activeElement && document.activeElement.blur(); window.scrollTo(0, 0);
                      return [innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]";
        let size = self.evaluate(script).await?;
        let height = size[1].as_u64().context("a height")?.min(highest);
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": height, "scale": scale });
        let what = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.driver.cdp().send_raw("Page.captureScreenshot", what).await?;
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().context("a picture")?)?;
        std::fs::create_dir_all(file.parent().context("a folder")?)?;
        std::fs::write(file, bytes).with_context(|| format!("{}", file.display()))
    }

    pub(super) async fn quit(self) -> Result<()> {
        // Dropping it would do the same, but block.
        Ok(self.driver.clone().quit().await?)
    }
}

fn port(output: &str) -> Option<u16> {
    let (_, port) = output.lines().find_map(|line| line.split_once("started successfully on port "))?;
    port.strip_suffix('.')?.parse().ok()
}
