// Prints the CPU milliseconds of one hash with the parameters of sign-in.
import { verify } from "@node-rs/argon2";

const HASHES = 30;
const PHC = `$argon2id$v=19$m=19456,t=2,p=1$${"A".repeat(22)}$${"A".repeat(43)}`;
const secret = Buffer.from("a pepper of 32 bytes, or nearly.");

async function work(hashes) {
  for (let n = 0; n < hashes; n += 1) {
    if (await verify(PHC, "oie7", { secret })) {
      throw new Error("the decoy matched a password");
    }
  }
}

await work(1);
const before = process.cpuUsage();
await work(HASHES);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / HASHES / 1000);
