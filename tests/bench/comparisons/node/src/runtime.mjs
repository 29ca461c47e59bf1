// Lambda Runtime API client. AWS's own, aws-lambda-ric, needs Node 22 or an installation of the autotools.
import { Agent, request } from "node:http";

const runtime = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const agent = new Agent({ keepAlive: true });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(`${runtime}/${path}`, { method, agent }, async (response) => {
      try {
        const chunks = await response.toArray();
        resolve({ id: response.headers["lambda-runtime-aws-request-id"], text: Buffer.concat(chunks).toString() });
      } catch (error) {
        reject(error);
      }
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export async function run(handler) {
  for (;;) {
    const { id, text } = await call("GET", "next");
    try {
      await call("POST", `${id}/response`, JSON.stringify(await handler(JSON.parse(text))));
    } catch (error) {
      const details = { errorType: error.name, errorMessage: error.message, stackTrace: [] };
      await call("POST", `${id}/error`, JSON.stringify(details));
    }
  }
}
