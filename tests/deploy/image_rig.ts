/**
 * Runs what the image would run, without Docker: a root folder with what the base image and the
 * Dockerfile put there, read-only, as a user without rights (Linux, as root).
 */
import { compileProgram } from "../support/compiled_program.ts";
import { TestProcess } from "../support/process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";
import { finalStage, readDockerfile, valueOf } from "./dockerfile.ts";

const PROGRAM = "/usr/local/bin/teleport-event-handler";

/** What gcr.io/distroless/cc has for an executable, besides the libraries. */
const BASE_FILES: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n" +
    "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  "etc/group": "root:x:0:\nnonroot:x:65532:\n",
  "etc/hosts": "127.0.0.1 localhost\n",
  "etc/nsswitch.conf": "hosts: files dns\n",
};

/** Libraries of gcr.io/distroless/cc: those of glibc and libgcc_s. */
const LIBRARIES =
  /^(ld-linux-[\w-]+\.so\.\d|lib(c|dl|m|pthread|rt|gcc_s|resolv|nss_\w+)\.so\.\d+|linux-vdso\.so\.1)$/;

/** Mounts the root read-only with its volumes, and starts the program in it. */
const ENTER = `
root=$1 user=$2 directory=$3; shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do
  mount --bind "$1" "$root$2"
  shift 2
done
shift
exec setpriv --clear-groups unshare --root="$root" --wd="$directory" \\
  --setgid="\${user#*:}" --setuid="\${user%:*}" -- "$@"
`;

/** How a container is run. */
export interface ContainerOptions {
  /** Folders that are mounted, by where; that of the image's volume is mounted besides. */
  readonly mounts: Readonly<Record<string, string>>;
  /** What follows the name of the image. */
  readonly args: readonly string[];
  /** @default {that of the image} */
  readonly user?: string;
  /** Variables besides those of the image. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What the image consists of, laid out in a folder. */
export class ImageRig implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #stage = finalStage(readDockerfile("Dockerfile"));

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  static async open(): Promise<ImageRig> {
    const folder = await temporaryFolder();
    await Deno.chmod(folder.path, 0o755);
    const { path } = await compileProgram(folder.join("dist"));
    const root = folder.join("root");
    for (
      const name of ["dev", "proc", "tmp", "etc/teleport-event-handler", "usr/local/bin", "lib64"]
    ) {
      await Deno.mkdir(`${root}/${name}`, { recursive: true });
    }
    for (const [name, text] of Object.entries(BASE_FILES)) {
      await Deno.writeTextFile(`${root}/${name}`, text);
    }
    for (const library of await listLibraries(path)) {
      await Deno.mkdir(root + library.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.copyFile(library, root + library);
    }
    await Deno.rename(path, root + PROGRAM);
    await Deno.mkdir(`${root}/var/lib/teleport-event-handler`, { recursive: true });
    // A named volume begins with the owner and mode of the folder that it is mounted over.
    const state = folder.join("state");
    await Deno.mkdir(state, { mode: 0o700 });
    await Deno.chown(state, 65532, 65532);
    return new ImageRig(folder);
  }

  /** The volume that is mounted at /var/lib/teleport-event-handler. */
  get state(): string {
    return this.#folder.join("state");
  }

  /**
   * Starts the image's program, which is process 1 of its own, as in a container. Signals reach it by
   * way of `signal` alone.
   */
  async run({ args, env: more, mounts, user }: ContainerOptions): Promise<TestProcess> {
    const stage = this.#stage;
    const env = valueOf(stage, "ENV").split(/\s+(?=\w+=)/);
    const root = this.#folder.join("root");
    const volumes = Object.entries({ "/var/lib/teleport-event-handler": this.state, ...mounts });
    // Whoever runs containers makes the places to mount at.
    for (const [place] of volumes) await Deno.mkdir(root + place, { recursive: true });
    return new TestProcess({
      command: "unshare",
      args: [
        ...["--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", ENTER, "enter"],
        ...[root, user ?? valueOf(stage, "USER"), valueOf(stage, "WORKDIR")],
        ...volumes.flatMap(([place, folder]) => [folder, place]),
        ...["--", ...args],
      ],
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        ...Object.fromEntries(env.map((pair) => pair.split("=") as [string, string])),
        ...more,
      },
      clearEnv: true,
      secrets: [],
    });
  }

  /** Sends a signal to process 1 of a container. */
  async signal({ pid }: TestProcess, signal: Deno.Signal): Promise<void> {
    // The runtime itself may not read /proc.
    const { stdout } = await new Deno.Command("cat", {
      args: [`/proc/${pid}/task/${pid}/children`],
    })
      .output();
    Deno.kill(Number(new TextDecoder().decode(stdout)), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Paths of what the executable is linked with; all of it must be in the base image. */
async function listLibraries(path: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ldd", { args: [path] }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.flatMap((line) => {
    const found = /(\/\S+) \(0x/.exec(line)?.[1];
    const name = (found ?? line.trim().split(" ")[0]!).replace(/^.*\//, "");
    if (!LIBRARIES.test(name)) throw new Error(`gcr.io/distroless/cc has no ${name}`);
    return found ?? [];
  });
}
