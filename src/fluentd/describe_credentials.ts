import type { Credential } from "../tls/credential_book.ts";
import type { ReceiverTlsPaths } from "./credentials.ts";
import type { ReceiverTls } from "./lane.ts";

/** Says what the certificates for the receiver consist of, and how to come by new ones. */
export function describeReceiverCredentials(
  paths: ReceiverTlsPaths,
  tls: ReceiverTls,
): Credential[] {
  const credentials: Credential[] = [];
  if (paths.client !== undefined && tls.client !== undefined) {
    credentials.push({
      name: "fluentd_client",
      title: "Client certificate for Fluentd",
      path: paths.client.certificate,
      pem: tls.client.cert,
      renewal: "Make a new one, and its key, with the authority that Fluentd trusts",
    });
  }
  if (paths.authority !== undefined) {
    credentials.push({
      name: "fluentd_ca",
      title: "Authority in fluentd.ca",
      path: paths.authority,
      pem: tls.caCerts.join(""),
      renewal: "Add its successor to the file before Fluentd gets a certificate of that one",
    });
  }
  return credentials;
}
