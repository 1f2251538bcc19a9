// A loop after AWS's runtime for Node, without what that has besides: one kept connection, node:http,
// an asynchronous handler, which gives back what it was given.
import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function request(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { host, port, method, path: "/2018-06-01/runtime/invocation/" + path, headers, agent };
    const sent = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const handler = async (event) => event;

for (;;) {
  const { headers, body } = await request("GET", "next", {});
  const reply = Buffer.from(JSON.stringify(await handler(JSON.parse(body.toString("utf8")))), "utf8");
  await request("POST", headers["lambda-runtime-aws-request-id"] + "/response",
    { "Content-Type": "application/json", "Content-Length": reply.length }, reply);
}
