/** An S3-compatible server on a free port, keeping its objects in the folder that is its argument. */
import S3rver from "s3rver";

const server = new S3rver({
  address: "127.0.0.1",
  port: 0,
  silent: true,
  directory: Deno.args[0]!,
  configureBuckets: [{ name: "teleport", configs: [] }],
});
const { port } = await server.run();
await Deno.stdout.write(new TextEncoder().encode(`listening on ${port}\n`));
