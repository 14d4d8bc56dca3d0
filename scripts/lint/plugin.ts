import { clock } from "./clock.ts";
import { errorMessage } from "./error_message.ts";
import { fileLength } from "./file_length.ts";
import { fileName } from "./file_name.ts";
import { layers } from "./layers.ts";
import { noExit } from "./no_exit.ts";
import { positionalArguments } from "./positional_arguments.ts";
import { privateField } from "./private_field.ts";
import { sharedProcess } from "./shared_process.ts";
import { topLevelFunction } from "./top_level_function.ts";

/**
 * The house rules (CONTRIBUTING.md) that a machine can judge, as a plugin of `deno lint`. Each rule
 * is in the file of its name, and each message says what to do instead. Generated code is exempt.
 */
const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "layers": layers,
    "no-exit": noExit,
    "clock": clock,
    "file-length": fileLength,
    "file-name": fileName,
    "private-field": privateField,
    "top-level-function": topLevelFunction,
    "positional-arguments": positionalArguments,
    "error-message": errorMessage,
    "shared-process": sharedProcess,
  },
};

export default plugin;
