import type { HttpProxy } from "../core/http_proxy.ts";

/** An HTTP proxy as `Deno.createHttpClient` takes it; its credentials are in no URL that is printed. */
export function toHttpClientProxy(
  proxy: HttpProxy | undefined,
): Pick<Deno.CreateHttpClientOptions, "proxy"> {
  if (proxy === undefined) return {};
  const { credentials, label } = proxy;
  return {
    proxy: { url: label, ...(credentials === undefined ? {} : { basicAuth: { ...credentials } }) },
  };
}
