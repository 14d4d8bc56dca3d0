import type { BundledPackage } from "./bundle.ts";
import { PROGRAM_NAME } from "./targets.ts";

/** What an executable is made of, to be written down beside it. */
export interface Materials {
  readonly version: string;
  readonly time: Date;
  readonly packages: readonly BundledPackage[];
}

/** File name of the bill of materials. */
export const BILL_NAME = `${PROGRAM_NAME}.cdx.json`;
/** File name of the licences. */
export const LICENSES_NAME = "THIRD-PARTY-LICENSES";

/** Forms the bill of materials: CycloneDX, with the runtime and each package that is really inside. */
export async function formatBillOfMaterials(
  { packages, time, version }: Materials,
): Promise<string> {
  const components = await Promise.all(packages.map(async (entry) => {
    const purl = `pkg:npm/${entry.name.replace("@", "%40")}@${entry.version}`;
    const license = await readLicenseName(entry);
    return {
      type: "library",
      "bom-ref": purl,
      name: entry.name,
      version: entry.version,
      ...(license === undefined ? {} : { licenses: [{ license: { name: license } }] }),
      purl,
    };
  }));
  const deno = `pkg:github/denoland/deno@v${Deno.version.deno}`;
  return JSON.stringify(
    {
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      version: 1,
      metadata: {
        timestamp: time.toISOString(),
        component: {
          type: "application",
          "bom-ref": PROGRAM_NAME,
          name: PROGRAM_NAME,
          version,
          licenses: [{ license: { id: "Apache-2.0" } }],
        },
      },
      components: [
        {
          type: "platform",
          "bom-ref": deno,
          name: "deno",
          version: Deno.version.deno,
          licenses: [{ license: { id: "MIT" } }],
          purl: deno,
        },
        ...components,
      ],
    },
    undefined,
    2,
  ) + "\n";
}

/** Forms the text of licences that must go with the executable: each package has its own. */
export async function formatLicenses({ packages }: Materials): Promise<string> {
  const parts = [
    `This program contains the runtime Deno ${Deno.version.deno} (MIT, https://github.com/denoland/deno)\n` +
    "and the packages below, each with its licence.\n",
  ];
  for (const entry of packages) {
    const name = await readLicenseName(entry) ?? "see its home page";
    parts.push(`${"=".repeat(79)}\n${entry.name} ${entry.version} (${name})\n`);
    parts.push(await readLicenseText(entry));
  }
  return parts.join("\n");
}

async function readLicenseName({ folder }: BundledPackage): Promise<string | undefined> {
  const { license } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  return typeof license === "string" ? license : undefined;
}

async function readLicenseText({ folder }: BundledPackage): Promise<string> {
  const names: string[] = [];
  for await (const { isFile, name } of Deno.readDir(folder)) {
    if (isFile && /^(licen[cs]e|notice|copying)/i.test(name)) names.push(name);
  }
  const texts = await Promise.all(
    names.sort().map((name) => Deno.readTextFile(`${folder}/${name}`)),
  );
  return texts.map((text) => text.replaceAll("\r\n", "\n").trim() + "\n").join("\n");
}
