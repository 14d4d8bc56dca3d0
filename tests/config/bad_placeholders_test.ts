import { type RefusedSettings, testRefusals } from "./refused_settings.ts";

/** What Teleport says would choose who is called. */
const ROWS: readonly RefusedSettings[] = [
  {
    title: "a session id for the host, so that whoever makes one would choose who is called",
    without: ["fluentd-session-url"],
    toml: '[forward.fluentd]\nsession-url = "https://{sid}.localhost:9/x"',
    exitCode: 78,
    lines: [
      'forward.fluentd.session-url = "https://{sid}.localhost:9/x" (file handler.toml, line 7): Placeholders are for the path and the query of a URL, not for its host or port. Write host and port as they are, like https://localhost:8888/session.',
    ],
  },
  {
    title: "a session id for the port",
    without: ["fluentd-session-url"],
    env: { FDFWD_FLUENTD_SESSION_URL: "https://localhost:{sid}?id={sid}" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_SESSION_URL="https://localhost:{sid}?id=***": Placeholders are for the path and the query of a URL, not for its host or port. Write host and port as they are, like https://localhost:8888/session.',
    ],
  },
  {
    title: "a session id for the user",
    without: ["fluentd-session-url"],
    env: { FDFWD_FLUENTD_SESSION_URL: "https://{sid}@localhost/session" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_SESSION_URL="https://***@localhost/session": A user name and password in the URL are not supported. Remove them; Fluentd is told who is asking by the client certificate (fluentd-cert, fluentd-key).',
    ],
  },
  {
    title: "a session id for the scheme",
    without: ["fluentd-session-url"],
    env: { FDFWD_FLUENTD_SESSION_URL: "http{sid}://localhost/session" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_SESSION_URL="http{sid}://localhost/session": Not an http or https URL. Write it like https://localhost:8888/session.',
    ],
  },
  {
    title: "a placeholder in the host of storage",
    without: ["storage"],
    env: { FDFWD_STORAGE: "https://{sid}.kv.test", FDFWD_STORAGE_TOKEN: "hunter2" },
    exitCode: 78,
    lines: [
      'FDFWD_STORAGE="https://{sid}.kv.test": Placeholders are for the path and the query of a URL, not for its host or port. Write host and port as they are, like https://kv.example.com, or give a directory, like ./storage.',
    ],
  },
];

testRefusals(ROWS);
