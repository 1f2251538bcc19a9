// Checks the SAM template and the state machine.
//
//   node check_template.mjs PROJECT_DIR [NODE_MODULES]
//
// One line for each problem; status 1 if there is one.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { parseTemplate } from './cloudformation_yaml.mjs';
import { checkRules } from './project_rules.mjs';
import { References } from './references.mjs';
import { ResourceTypes } from './resource_types.mjs';

const sections = ['AWSTemplateFormatVersion', 'Conditions', 'Description', 'Globals', 'Outputs', 'Parameters',
  'Resources', 'Transform'];

/** As SAM does it: maps are merged, anything else is taken from the resource. */
function merged(globals, own) {
  const isMap = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
  if (!isMap(globals) || !isMap(own)) return own ?? globals;
  const keys = [...new Set([...Object.keys(globals), ...Object.keys(own)])];
  return Object.fromEntries(keys.map((key) => [key, merged(globals[key], own[key])]));
}

function checkStateMachine(validate, text, substitutions) {
  const found = [];
  const holes = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
  for (const hole of holes) {
    if (!(hole in substitutions)) found.push(`state machine: nothing to put for \${${hole}}`);
  }
  for (const name of Object.keys(substitutions)) {
    if (!holes.has(name)) found.push(`state machine: ${name} is put in nowhere`);
  }
  const definition = JSON.parse(text.replaceAll(/\$\{\w+\}/g, 'arn:aws:lambda:eu-central-1:123456789012:function:f'));
  const { isValid, errors } = validate(definition);
  if (!isValid) found.push(...errors.map((e) => `state machine: ${e['Error code']} ${e.Message ?? e.path ?? ''}`));
  return found;
}

/** Makes the function that checks one template; reading AWS's specification takes a second. */
export function makeChecker(nodeModules) {
  const load = createRequire(path.join(path.resolve(nodeModules), 'x.js'));
  const yaml = load('yaml');
  const validate = load('asl-validator');
  const types = new ResourceTypes(load('@aws-cdk/aws-service-spec').loadAwsServiceSpecSync());

  return ({ template: text, stateMachine, handlers, variables }) => {
    let template;
    try {
      template = parseTemplate(yaml, text);
    } catch (error) {
      return [`not YAML: ${error.message}`];
    }
    const found = Object.keys(template).filter((s) => !sections.includes(s)).map((s) => `there is no section ${s}`);
    const globals = template.Globals?.Function ?? {};
    for (const resource of Object.values(template.Resources)) {
      if (resource.Type === 'AWS::Serverless::Function') resource.Properties = merged(globals, resource.Properties);
    }
    for (const [name, resource] of Object.entries(template.Resources)) found.push(...types.check(name, resource));
    found.push(...new References(template, types).check());
    found.push(...checkRules(template.Resources, handlers, variables));
    const machine = Object.values(template.Resources).find((r) => r.Type === 'AWS::Serverless::StateMachine');
    found.push(...checkStateMachine(validate, stateMachine, machine?.Properties.DefinitionSubstitutions ?? {}));
    return [...new Set(found)];
  };
}

/** The environment variables that a handler's sources name. */
function variablesOf(directory) {
  const sources = readdirSync(directory).filter((name) => name.endsWith('.cpp'));
  const text = sources.map((name) => readFileSync(path.join(directory, name), 'utf8')).join('\n');
  return [...new Set([...text.matchAll(/"([A-Z]+(?:_[A-Z]+)+)"/g)].map(([, name]) => name))];
}

/** The files of the project that are checked together. */
export function readProject(project) {
  const read = (name) => readFileSync(path.join(project, 'examples/lambda', name), 'utf8');
  const handlers = read('package/handlers.txt').split('\n').filter((l) => l && !l.startsWith('#')).map((l) => l.split(' ')[0]);
  const folder = (handler) => path.join(project, 'examples/lambda', handler.replaceAll('-', '_'));
  return {
    template: read('template.yaml'),
    stateMachine: read('statemachine.asl.json'),
    handlers,
    variables: Object.fromEntries(handlers.map((handler) => [handler, variablesOf(folder(handler))])),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [project, nodeModules] = process.argv.slice(2);
  const found = makeChecker(nodeModules)(readProject(project));
  console.log(found.length ? found.join('\n') : 'the template has no problem');
  process.exit(found.length ? 1 : 0);
}
