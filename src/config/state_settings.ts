import type { Setting } from "./setting.ts";

/** The rows of {@linkcode SETTINGS} for what is stored, and for replicas that share it. */
export const STATE_SETTINGS = {
  "storage": {
    kind: "storage",
    group: "State",
    example: "./storage",
    required: true,
    doc:
      "Directory that keeps how far the export got, made when missing; or the URL of a KV Connect server",
  },
  "storage-token-file": {
    kind: "path",
    group: "State",
    example: "storage-token",
    doc:
      "File that holds the access token of the server in storage; a line end after it is removed",
  },
  "storage-token": {
    kind: "string",
    group: "State",
    example: "0f3c…",
    secret: true,
    flag: false,
    toml: false,
    env: ["DENO_KV_ACCESS_TOKEN"],
    doc: "Access token of the server in storage, in place of storage-token-file",
  },
  "storage-ca": {
    kind: "path",
    group: "State",
    example: "storage-ca.crt",
    doc: "CA certificates that the certificate of the server in storage is checked against",
    unset: "the system's",
  },
  "storage-timeout": {
    kind: "duration",
    group: "State",
    default: "10s",
    min: "1ms",
    doc: "Longest wait for an answer of the server in storage; after that it is asked again",
  },
  "storage-allow-http": {
    kind: "bool",
    group: "State",
    default: "false",
    doc: "Take http in storage for another machine too: token and state then go in clear",
  },
  "replica-name": {
    kind: "string",
    group: "State",
    example: "handler-1",
    doc: "Name of this replica, where several share the server in storage",
    unset: "the name of the host",
  },
  "lease-duration": {
    kind: "duration",
    group: "State",
    default: "15s",
    min: "1s",
    doc: "Time without a sign of a replica after which others take over what it forwards",
  },
  "lease-renew-deadline": {
    kind: "duration",
    group: "State",
    default: "10s",
    min: "500ms",
    doc: "Time after which a replica that cannot reach the server in storage stops by itself",
  },
  "lease-retry": {
    kind: "duration",
    group: "State",
    default: "2s",
    min: "100ms",
    doc: "Pause between two signs of a replica, and between two looks at those of others",
  },
  "cursor": {
    kind: "string",
    group: "State",
    example: "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc",
    doc: "Id of the event to go on after, when the storage directory was lost",
  },
  "on-rejected": {
    kind: "choice",
    group: "State",
    default: "quarantine",
    choices: ["quarantine", "halt"],
    doc: "An event that Fluentd refuses: set it aside and go on, or end before it",
  },
  "quarantine-max-size": {
    kind: "size",
    group: "State",
    default: "1GiB",
    min: "1MiB",
    doc: "Most that the quarantine may hold; when it is full, the export waits",
  },
} as const satisfies { readonly [name: string]: Setting };
