import assert from "node:assert/strict";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { StateDisk } from "./state_disk.ts";

const isAllowed = await StateDisk.isAllowed();

Deno.test({
  name: `StateDisk is full or read-only when it is told so, and as before afterwards${
    isAllowed ? "" : " [no tmpfs can be mounted]"
  }`,
  ignore: !isAllowed,
  async fn() {
    await using folder = await temporaryFolder();
    await using disk = await StateDisk.mount(folder.join("disk"));
    const isReadOnly = async () => {
      try {
        await Deno.writeTextFile(`${disk!.path}/new`, "x");
        return false;
      } catch (error) {
        assert.match(String(error), /os error 30/);
        return true;
      }
    };
    await disk!.fill();
    await assert.rejects(Deno.writeTextFile(`${disk!.path}/other`, "x"), /os error 28/);
    await disk!.free();
    assert.equal(await isReadOnly(), false);
    await disk!.setReadOnly(true);
    assert.equal(await isReadOnly(), true);
    await disk!.setReadOnly(false);
    using open = await Deno.create(`${disk!.path}/open`);
    await disk!.closeFolder();
    assert.equal(await isReadOnly(), true);
    await open.write(new TextEncoder().encode("written"));
    assert.equal(await Deno.readTextFile(`${disk!.path}/open`), "written");
    await disk!.openFolder();
    assert.equal(await isReadOnly(), false);
  },
});
