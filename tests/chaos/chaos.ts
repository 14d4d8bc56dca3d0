/** `scripts/chaos`: plays many seeds, or one long run. */
import { killInARow, soak, withBacklog, withPeerAway } from "./long_schedules.ts";
import { type ChaosOptions, parseChaosOptions } from "./parse_chaos_options.ts";
import { playSeeds } from "./play_seeds.ts";
import { playReplicas } from "./replicas/play_replicas.ts";
import { ResourceWatch } from "./resource_watch.ts";
import { runSeed } from "./run_seed.ts";
import { drawSchedule, formatSchedule, type Schedule } from "./schedule.ts";

const USAGE = `Usage: scripts/chaos [OPTION]…

Runs the program between two peers, troubles all three by a schedule that is drawn from a seed, ends
the faults, and judges whether every promise of docs/delivery.md was kept. A seed is the same for the
same options and the same commit: a fault that is added changes what some seeds draw.

  --seeds N, --seeds N-M      the seeds to play (default: 1-20)
  --minutes N                 begin no seed after so long (default: without end)
  --peer fake|authpeer        the auth server (default: drawn from the seed; authpeer needs AUTHPEER)
  --receiver fake|fluentd     the receiver (default: fake; fluentd needs scripts/setup-peers)
  --mode legacy|bulk          how authpeer gives the log (default: drawn from the seed)
  --backlog N                 events that are there at the start, for requests of 1,000 (default: drawn
                              from the seed, some hundred at most)
  --away SECONDS              after its own faults, each seed has a peer (or both) away for so long, and
                              a fresh event must arrive within 10 s of its coming back
  --patience N                let everything take N times as long, on a busy machine (default: 1)
  --jobs N                    seeds that are played side by side (default: 1)
  --print                     print the schedules and play nothing
  --keep FOLDER               write what the program said in failed seeds to this folder
  --soak MINUTES              one long run with faults, of the first seed, judged by memory, open files
                              and lag
  --kill-in-a-row N           kill -9 and restart N times in a row, of the first seed
  --replicas N                so many replicas on denokv (DENOKV, AUTHPEER): they crash, stand still and
                              lose the store; never two may lead, and each takeover is timed
  --default-lease             with --replicas, leases of 15 s in all seeds, and not in each tenth alone

Exits with 0 when every seed kept every promise, with 1 when one did not or none was played, and with
2 when the command line is wrong or a peer is not there. Faults that the machine cannot make (a clock
that jumps needs faketime, a full disk needs a tmpfs) are named, with their seeds.
`;

/** Runs the command line and returns the exit status. */
export async function runChaos(
  args: readonly string[],
  write: (line: string) => void,
): Promise<number> {
  let options: ChaosOptions;
  try {
    options = parseChaosOptions(args);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    write(`${error.message}; scripts/chaos --help tells the options`);
    return 2;
  }
  if (options.help) {
    write(USAGE);
    return 0;
  }
  const { jobs, keep, minutes, patience, print, seeds } = options;
  const missing = print ? undefined : findMissingPeer(options);
  if (missing !== undefined) {
    write(missing);
    return 2;
  }
  const endMs = performance.now() + minutes * 60_000;
  if (options.replicas !== undefined) {
    const { defaultLease, replicas } = options;
    return await playReplicas(
      { seeds, replicas, defaultLease, patience, jobs, print, endMs, keep, write },
    );
  }
  const draw = (seed: number) => drawAsAsked(seed, options);
  if (print) {
    for (const seed of seeds) write(formatSchedule(draw(seed)));
    return 0;
  }
  const isLong = options.soakMinutes !== undefined || options.kills !== undefined;
  return await playSeeds(isLong ? seeds.slice(0, 1) : seeds, {
    draw,
    play: runSeed,
    run: options.soakMinutes === undefined
      ? { patience }
      : { patience, observer: new ResourceWatch(write) },
    repeat: formatOptions(options),
    endMs,
    jobs,
    keep,
    write,
  });
}

function drawAsAsked(seed: number, options: ChaosOptions): Schedule {
  const { awaySeconds, backlog, kills, players, soakMinutes } = options;
  const drawn = drawSchedule(seed, players);
  const schedule = backlog === undefined ? drawn : withBacklog(drawn, backlog);
  if (soakMinutes !== undefined) return soak(schedule, soakMinutes);
  if (kills !== undefined) return killInARow(schedule, kills);
  return awaySeconds === undefined ? schedule : withPeerAway(schedule, awaySeconds);
}

/** What a person has to do first, where a player is not there. */
function findMissingPeer({ players: { peer, receiver }, replicas }: ChaosOptions) {
  if (peer !== "fake" && !Deno.env.get("AUTHPEER")) {
    return replicas === undefined
      ? "AUTHPEER does not name authpeer; play with --peer fake, or set it"
      : "AUTHPEER does not name authpeer, which --replicas needs";
  }
  if (replicas !== undefined && !Deno.env.get("DENOKV")) {
    return "DENOKV does not name denokv, which --replicas needs";
  }
  if (receiver === "fluentd" && !Deno.env.get("FLUENTD_NEWEST")) {
    return "There is no Fluentd; scripts/setup-peers installs it";
  }
  return undefined;
}

/** The options without which a seed would be another one. */
function formatOptions(options: ChaosOptions): string {
  const { awaySeconds, backlog, kills, players, soakMinutes } = options;
  const { mode, peer, receiver } = players;
  const values = {
    mode,
    peer,
    receiver,
    backlog,
    away: awaySeconds,
    soak: soakMinutes,
    "kill-in-a-row": kills,
  };
  return Object.entries(values)
    .flatMap(([name, value]) => value === undefined ? [] : [`--${name} ${value}`])
    .join(" ");
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) Deno.exit(await runChaos(Deno.args, print));
