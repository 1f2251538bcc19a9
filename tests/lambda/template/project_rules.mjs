// What this project's template must hold to beyond what CloudFormation asks for.

const isFunction = (resource) => resource.Type === 'AWS::Serverless::Function';

/** Each CodeUri is a package that tools/package-lambda writes, and each handler has a function. */
function checkCode(resources, handlers) {
  const found = [];
  const seen = new Set();
  for (const [name, { Properties: properties }] of Object.entries(resources).filter(([, r]) => isFunction(r))) {
    const match = /^\.\.\/\.\.\/build\/package\/zip\/(\w+)\/([\w-]+)\/bootstrap\.zip$/.exec(properties.CodeUri);
    if (!match || !handlers.includes(match[2])) {
      found.push(`${name}.CodeUri: ${properties.CodeUri} is nothing that tools/package-lambda writes`);
    } else {
      seen.add(match[2]);
      if (properties.Architectures?.[0] !== match[1]) {
        found.push(`${name}: the code is for ${match[1]}, the function for ${properties.Architectures}`);
      }
    }
    const workers = properties.Environment?.Variables?.WORKER_COUNT;
    if (!/^[1-6]$/.test(workers)) found.push(`${name}: WORKER_COUNT is ${workers}, must be from 1 to 6`);
  }
  for (const handler of handlers) {
    if (!seen.has(handler)) found.push(`the template has no function for the handler ${handler}`);
  }
  return found;
}

/** No variable that its handler doesn't read, and the one that says where results of notifications go. */
function checkVariables(resources, variables) {
  const found = [];
  for (const [name, { Properties: properties }] of Object.entries(resources).filter(([, r]) => isFunction(r))) {
    const handler = /\/([\w-]+)\/bootstrap\.zip$/.exec(properties.CodeUri)?.[1];
    const read = variables[handler] ?? [];
    const set = Object.keys(properties.Environment?.Variables ?? {});
    for (const variable of set.filter((v) => v !== 'WORKER_COUNT' && !read.includes(v))) {
      found.push(`${name}: sets ${variable}, which ${handler} doesn't read`);
    }
    // By bucket where there is such a variable, else by location.
    const wanted = read.find((v) => v.endsWith('_OUTPUT_BUCKET')) ?? read.find((v) => v.endsWith('_OUTPUT'));
    if (wanted && !set.includes(wanted)) found.push(`${name}: doesn't set ${wanted}`);
  }
  return found;
}

/** The benchmark's configurations, and nothing else that says it is of the benchmark. */
function checkBenchmark(resources) {
  const sizes = [[1, 1536], [2, 2048], [3, 4096], [4, 6144], [5, 8192], [6, 10240]];
  const wanted = [['arm64', 'arm64'], ['x86_64', 'x86']].flatMap(([architecture, short]) =>
    sizes.map(([vcpus, memory]) => `millrace-bench-${short}-${vcpus}vcpu-${memory}mb ${architecture} ${memory} ${vcpus}`));
  const there = Object.values(resources)
    .filter((r) => isFunction(r) && r.Condition === 'Benchmark')
    .map(({ Properties: p }) =>
      `${p.FunctionName} ${p.Architectures} ${p.MemorySize} ${p.Environment?.Variables?.WORKER_COUNT}`);
  return [
    ...wanted.filter((w) => !there.includes(w)).map((w) => `the benchmark lacks ${w}`),
    ...there.filter((t) => !wanted.includes(t)).map((t) => `the benchmark has ${t}, which it shouldn't`),
  ];
}

/** Least privilege: no action but by its full name, no resource but a named one or a part of it. */
function checkPermissions(resources) {
  const found = [];
  for (const [name, { Type: type, Properties: properties = {} }] of Object.entries(resources)) {
    if (properties.ManagedPolicyArns) found.push(`${name}: has managed policies, which allow more than it needs`);
    if (isFunction({ Type: type }) && properties.Policies) found.push(`${name}: has Policies; give it a Role`);
    if (type !== 'AWS::IAM::Role') continue;
    const trust = properties.AssumeRolePolicyDocument?.Statement ?? [];
    if (trust.some(({ Principal }) => typeof Principal?.Service !== 'string')) {
      found.push(`${name}: may be assumed by others than one service`);
    }
    for (const statement of (properties.Policies ?? []).flatMap((p) => p.PolicyDocument.Statement)) {
      if (statement.NotAction || statement.NotResource) found.push(`${name}: allows all but something`);
      for (const action of [statement.Action ?? []].flat()) {
        if (action.includes('*')) found.push(`${name}: allows ${action}`);
      }
      for (const resource of [statement.Resource ?? '*'].flat()) {
        const text = resource['Fn::Sub'] ?? resource;
        if (typeof text === 'string' && !/^\$\{\w+Bucket\.Arn\}\/(?:[\w-]+\/)+\*$/.test(text)) {
          found.push(`${name}: allows ${statement.Action} on ${text}`);
        }
      }
    }
  }
  return found;
}

/** Nothing in a bucket is public, unencrypted, or paid for though its upload never ended. */
function checkBuckets(resources) {
  const found = [];
  for (const [name, { Type: type, Properties: p }] of Object.entries(resources)) {
    if (type !== 'AWS::S3::Bucket') continue;
    const blocks = Object.values(p.PublicAccessBlockConfiguration ?? {});
    if (blocks.length !== 4 || blocks.includes(false)) found.push(`${name}: doesn't block all public access`);
    if (!p.BucketEncryption) found.push(`${name}: isn't encrypted`);
    const rules = p.LifecycleConfiguration?.Rules ?? [];
    if (!rules.some((rule) => rule.AbortIncompleteMultipartUpload && rule.Status === 'Enabled')) {
      found.push(`${name}: keeps unfinished uploads for ever`);
    }
    if (p.NotificationConfiguration?.LambdaConfigurations) {
      found.push(`${name}: notifies a function itself, which closes a circle with its permission`);
    }
  }
  return found;
}

export function checkRules(resources, handlers, variables) {
  return [
    ...checkCode(resources, handlers),
    ...checkVariables(resources, variables),
    ...checkBenchmark(resources),
    ...checkPermissions(resources),
    ...checkBuckets(resources),
  ];
}
