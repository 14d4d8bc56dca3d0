/**
 * The TLS server of OpenSSL, the library that Fluentd speaks TLS with: it sends an alert for each
 * kind of client that it refuses, where the server of the runtime just closes the connection.
 */
import { type FluentdCertificates, writeFluentdFiles } from "./certificates.ts";
import { TestProcess } from "./process.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** A running server. */
export interface OpensslServer extends AsyncDisposable {
  readonly port: number;
}

/** Starts `openssl s_server`, which demands a client certificate of the receiver's authority. */
export async function startOpensslServer(
  certificates: FluentdCertificates,
): Promise<OpensslServer> {
  const folder = await temporaryFolder();
  const files = await writeFluentdFiles(folder.path, certificates);
  const process = new TestProcess({
    command: "openssl",
    args: [
      ...["s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "1", "-verify_return_error"],
      ...["-cert", files.serverCertificate, "-key", files.serverKey, "-CAfile", files.authority],
    ],
  });
  const line = await process.waitForLine(/^ACCEPT 127\.0\.0\.1:\d+/, { from: "stdout" });
  return {
    port: Number(line.split(":")[1]),
    async [Symbol.asyncDispose]() {
      await process[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
