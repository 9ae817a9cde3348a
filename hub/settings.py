"""Settings: one frozen class, read by hosts only.

Every setting is an environment variable with the prefix `DOORSTEP_`; `DATABASE_URL` alone keeps the name the whole world gives it.
"""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an installation decides. Secrets are SecretStr, so no log or error page can print them."""

    model_config = SettingsConfigDict(env_prefix="DOORSTEP_", frozen=True, extra="ignore", populate_by_name=True)

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "DOORSTEP_DATABASE_URL", "database_url"),
        description="PostgreSQL 15 or newer; when absent an embedded server is started in the state folder.",
    )
    state_dir: Path | None = Field(default=None, description="Where the embedded server, photos and logs live.")
    web_processes: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Processes that answer on the web host's port. Default: one for each core, four at most; in the demo 1.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080", description="The address citizens reach; links are made from it."
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    secure_cookies: bool = Field(
        default=False,
        description="Cookies are sent over HTTPS only; so they are when the public address is an HTTPS one.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks of your reverse proxies, separated by commas: what they say of who sends a "
        "request is believed, and guessing is slowed down by sender. Empty: nobody is believed.",
    )
    demo: bool = Field(default=False, description="Shows the outbox page and demo sign-ins; never in production.")
    catalogue: Path | None = Field(
        default=None, description="Work types and territories (TOML); default: the sample catalogue."
    )
    contact_policies: Path | None = Field(
        default=None, description="Folder of contact policies (TOML); default: the sample ones."
    )
    travel: Literal["great-circle", "roads", "osrm"] = Field(
        default="great-circle",
        description="Where drive times come from: distance as the crow flies, roads built with `doorstep roads build`, or an "
        "OSRM server.",
    )
    travel_detour: float = Field(
        default=1.3, ge=1, allow_inf_nan=False, description="How much longer a drive is than the crow's flight."
    )
    travel_speed: float = Field(
        default=12.5, gt=0, allow_inf_nan=False, description="Metres per second of a drive as the crow flies."
    )
    travel_roads: Path | None = Field(
        default=None, description="The folder of the built roads to drive on; `doorstep roads show` lists them."
    )
    travel_osrm_url: SecretStr = Field(
        default=SecretStr(""), description="Address of the OSRM server, for instance http://localhost:5000."
    )
    travel_osrm_table_size: int = Field(
        default=100, ge=1, le=10_000, description="Places in one question to the server: its own --max-table-size."
    )
    travel_snap_metres: int = Field(
        default=1_000, ge=1, le=100_000, description="A place farther than this from any road cannot be driven to."
    )
    travel_factors: Path | None = Field(
        default=None, description="Speed factors by weekday and hour (TOML); none: roads are always as fast."
    )
    simulated_clock: Path | None = Field(
        default=None, description="File that holds the simulated time; only `doorstep play` sets it."
    )

    shifted_clock: Path | None = Field(
        default=None, description="File that holds the demo's time shift; only the demo sets it."
    )

    service_bus: SecretStr | None = Field(default=None, description="Connection string of the Service Bus namespace.")
    orders_queue: str = "work-orders"
    orders_sessions: bool = Field(
        default=False, description="The orders queue has sessions: the messages of one order come in their order."
    )
    intake_processes: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Processes of one worker that take in orders. 1: the worker's own; default: one for each core, four at most.",
    )
    events_topic: str = "work-order-events"
    utility_subscription: str = "utility"
    event_source: str = Field(default="urn:doorstep:hub", description="The CloudEvents source of what the hub sends.")

    mail: Literal["recording", "smtp"] = "recording"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = True
    mail_from: str = "Doorstep <no-reply@doorstep.example>"
    sms: Literal["recording", "twilio"] = "recording"
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_from: str = ""

    voice: Literal["recording", "twilio"] = Field(
        default="recording", description="Who carries calls with a spoken menu; twilio uses the account of SMS."
    )
    twilio_voice_from: str = Field(
        default="", description="The number calls come from; empty: that of SMS, when it is a number."
    )
    letters: Literal["recording", "folder"] = Field(
        default="recording", description="Where letters go; folder: print files for a print service."
    )
    letters_folder: Path | None = Field(
        default=None, description="Folder for the print service; default: `letters` in the state folder."
    )
    bounces_folder: Path | None = Field(
        default=None, description="Maildir into which the mail server delivers what comes back; the worker reads it."
    )
    bounces_address: str = Field(
        default="",
        description="Address to which undeliverable mail comes back, such as bounces@example.org; each message adds its own "
        "mark to the part before the @ (VERP). Empty: it comes back to the sender's address.",
    )
    address_key: SecretStr = Field(
        default=SecretStr(""),
        description="Secret under which opt-outs and bad addresses are kept; the same for every host of one database. Empty: a "
        "file in the state folder, made at its first use.",
    )
    mail_per_second: float = Field(
        default=10.0, gt=0, le=1000, description="E-mails handed to the mail server per second, over all workers."
    )
    sms_per_second: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="SMS handed to the provider per second, over all workers. One is what networks take from an ordinary long number; "
        "raise it to what your provider allows a short code, an alphanumeric sender or a pool of numbers.",
    )
    calls_per_second: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="Calls begun per second, over all workers. One is what a provider's account allows at first; raise it when yours allows more.",
    )
    searches_per_minute: int = Field(
        default=120,
        ge=1,
        le=60_000,
        description="How often one utility's program may search for free times in a minute; more is answered 429.",
    )

    waitlist_lease_minutes: int = Field(
        default=120, ge=10, le=24 * 60, description="How long an earlier time is kept for a citizen on the waitlist."
    )
    waitlist_look_minutes: int = Field(
        default=60,
        ge=5,
        le=7 * 24 * 60,
        description="How often free times are compared with each wish on the waitlist; a time that frees up is offered at once.",
    )
    own_requests_source: str = Field(
        default="urn:doorstep:requests",
        pattern=r"^\S+$",
        description="The utility in whose name work is done that citizens ask for themselves; it is told of such orders like of its own.",
    )

    private_callbacks: bool = Field(
        default=False,
        description="Utilities' callbacks may use plain HTTP and lead into this network: for tests, never on the internet.",
    )

    files_url: str | None = Field(
        default=None, description="Where photos are kept; default: a folder in the state folder."
    )
    scanner: str = Field(
        default="",
        description="Address of a ClamAV daemon that looks into citizens' files, tcp://host:3310 or unix:///path; empty: nobody "
        "looks, and staff see that.",
    )
    map_tiles_url: str = Field(
        default="", description="Tile server for the console's map, with {z}/{x}/{y}; empty: no background."
    )

    dossier_language: Literal["nl", "fr", "de", "en"] = Field(
        default="en",
        description="The language in which dossiers are drawn for utilities, when nobody asks for another one.",
    )

    retention: Path | None = Field(
        default=None, description="For how long personal data is kept (TOML); default: portal/privacy/retention.toml."
    )

    functions_batch: bool = Field(
        default=True, description="Azure Functions: a call takes several messages of the orders queue at once."
    )
    functions_every_seconds: int = Field(
        default=10, ge=1, le=59, description="Azure Functions: how often jobs, timers and the outbox are looked after."
    )

    profiles: Path | None = Field(
        default=None,
        description="Folder of your utilities' message profiles (TOML); the shipped ones are always there.",
    )
    drop_folder: Path | None = Field(
        default=None, description="Folder into which a utility puts files of orders; the worker takes them in."
    )
    drop_profile: str = Field(default="", description="The profile by which files in the drop folder are read.")
    geocoder: Literal["postal-codes", "nominatim", "none"] = Field(
        default="postal-codes",
        description="Who is asked where an address without coordinates lies: a table of postal codes (approximate, so a "
        "dispatcher decides), a Nominatim server, or nobody.",
    )
    postal_codes: Path | None = Field(
        default=None, description="Postal codes with their middle (CSV); default: those of the sample's towns."
    )
    geocoder_url: SecretStr = Field(
        default=SecretStr(""), description="Address of the Nominatim server, for instance http://localhost:8088."
    )
    geocoder_agent: str = Field(
        default="",
        description="How we name ourselves to the geocoder, with a way to reach you; public servers ask for it.",
    )
    geocoder_per_second: float = Field(
        default=1.0, gt=0, le=1000, description="Questions to the geocoder per second, over all workers."
    )
    geocoder_timeout_seconds: float = Field(default=10.0, gt=0, le=120)

    log_format: Literal["auto", "text", "json"] = Field(
        default="auto",
        description="How log lines are written; auto: JSON from hosts, text on a terminal and from other commands.",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="What Prometheus shows as a bearer at the web host's /metrics; empty: there is no such address.",
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port of a worker's own /metrics and /health; 0: none."
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of that port; on any but the machine's own, the metrics need the token.",
    )

    @property
    def https_only_cookies(self) -> bool:
        """Whether browsers are told to send cookies over HTTPS only; forgetting a setting does not open them to the wire."""
        return self.secure_cookies or self.public_url.startswith("https://")

    @field_validator("public_url")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("event_source")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not value:
            message = "the CloudEvents source must not be empty"
            raise ValueError(message)
        return value
