import { describeConfig } from "../config/config_dump.ts";
import { formatConfigProblem } from "../config/config_problem.ts";
import { loadConfig } from "../config/load_config.ts";
import { failed, type Finding, ok, warning } from "../core/finding.ts";
import { inspectFileModes } from "../tls/file_modes.ts";
import type { DoctorFacts } from "./doctor_facts.ts";
import type { Check } from "./doctor_run.ts";
import { namedFilesOf } from "./named_files.ts";
import { settingsSources } from "./settings_sources.ts";

/** Checks of what the person has written. */
export function settingsChecks(facts: DoctorFacts): readonly Check[] {
  return [
    { name: "settings", subject: "Settings", run: () => checkSettings(facts) },
    {
      name: "files",
      subject: "Files",
      needs: ["settings"],
      run: () => inspectFileModes(namedFilesOf(facts.loaded!)),
    },
  ];
}

async function checkSettings(facts: DoctorFacts): Promise<Finding> {
  const loaded = await loadConfig(settingsSources(facts.input));
  if (!loaded.ok) {
    facts.settingsExitCode = loaded.exitCode;
    const [first, ...others] = loaded.problems.map(formatConfigProblem);
    const kind = loaded.problems[0]?.kind ?? "config";
    if (others.length === 0) return failed(kind, first ?? "The settings are not valid");
    return failed(kind, `${loaded.problems.length} settings need attention`, {
      details: [first!, ...others],
    });
  }
  facts.loaded = loaded;
  const { config, notices, sources, warnings } = loaded;
  const given = describeConfig(config, sources)
    .filter(({ name }) => !["default", "unset"].includes(sources[name].origin))
    .map(({ name, source, value }) => `${name} = ${value} (${source})`);
  const details = [...warnings.slice(1), ...notices, ...given];
  return warnings[0] === undefined
    ? ok(`${given.length} given, all valid`, { details })
    : warning(warnings[0], { details });
}
