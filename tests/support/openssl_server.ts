/**
 * The TLS server of OpenSSL, the library that Fluentd speaks TLS with: it sends an alert for each
 * kind of client that it refuses, as Teleport does too, where the server of the runtime just closes
 * the connection.
 */
import type { IssuedCertificate } from "../../src/tls/issue_certificates.ts";
import { TestProcess } from "./process.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** Whom the server is and whom it lets in. */
export interface OpensslServerOptions {
  readonly server: IssuedCertificate;
  /** The authority of the clients. */
  readonly authority: Pick<IssuedCertificate, "certificatePem">;
  /** Speak nothing newer than TLS 1.2, as Fluentd does unless told otherwise. @default {false} */
  readonly tls12?: boolean;
}

/** A running server. */
export interface OpensslServer extends AsyncDisposable {
  readonly port: number;
}

/** Starts `openssl s_server`, which demands a client certificate and speaks whatever it is asked for. */
export async function startOpensslServer(options: OpensslServerOptions): Promise<OpensslServer> {
  const folder = await temporaryFolder();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(folder.join(name), text, { mode: 0o600 });
    return folder.join(name);
  };
  const process = new TestProcess({
    command: "openssl",
    args: [
      ...["s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "1", "-verify_return_error"],
      ...(options.tls12 === true ? ["-tls1_2"] : []),
      ...["-alpn", "h2,http/1.1", "-cert", await write("crt", options.server.certificatePem)],
      ...["-key", await write("key", options.server.privateKeyPem)],
      ...["-CAfile", await write("ca", options.authority.certificatePem)],
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
