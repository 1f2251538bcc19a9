// What names something else in the template: !Ref, !GetAtt, !Sub, !If, Condition, DependsOn.

import { intrinsic } from './cloudformation_yaml.mjs';

const pseudoParameters = [
  'AWS::AccountId', 'AWS::NoValue', 'AWS::Partition', 'AWS::Region', 'AWS::StackId', 'AWS::StackName',
  'AWS::URLSuffix',
];

/** Calls `visit(function, argument, path)` for each intrinsic function in `value`. */
function walk(value, path, visit) {
  if (value === null || typeof value !== 'object') return;
  const call = intrinsic(value);
  if (call) visit(call, value[call], path);
  for (const [key, inner] of Object.entries(value)) walk(inner, call ? path : `${path}.${key}`, visit);
}

export class References {
  constructor(template, types) {
    this.template = template;
    this.types = types;
    this.found = [];
    this.used = new Set();
    this.edges = new Map();
  }

  /** The problems of the whole template. */
  check() {
    const { Resources = {}, Outputs = {}, Globals = {}, Conditions = {}, Parameters = {} } = this.template;
    for (const [name, resource] of Object.entries(Resources)) {
      this.edges.set(name, new Set());
      this.#checkPart(resource, name, (target) => this.edges.get(name).add(target));
      for (const target of [resource.DependsOn ?? []].flat()) {
        if (!(target in Resources)) this.found.push(`${name}: DependsOn ${target}, which isn't there`);
        this.edges.get(name).add(target);
      }
      if (resource.Condition) this.#condition(resource.Condition, name);
    }
    for (const part of [Outputs, Globals, Conditions]) this.#checkPart(part, 'the template', () => {});
    for (const name of [...Object.keys(Parameters), ...Object.keys(Conditions)]) {
      if (!this.used.has(name)) this.found.push(`${name}: is used nowhere`);
    }
    this.#checkCircles();
    return this.found;
  }

  #checkPart(part, name, depends) {
    walk(part, name, (call, argument, path) => {
      if (call === 'Ref') this.#target(argument, undefined, path, depends);
      if (call === 'Fn::GetAtt') this.#target(argument[0], argument[1], path, depends);
      if (call === 'Fn::If') this.#condition(argument[0], path);
      if (call === 'Fn::Sub') {
        const [text, own] = [argument, {}].flat();
        for (const [, hole] of text.matchAll(/\$\{([^!}][^}]*)\}/g)) {
          const dot = hole.indexOf('.');
          if (hole in own) continue;
          if (dot < 0) this.#target(hole, undefined, path, depends);
          else this.#target(hole.slice(0, dot), hole.slice(dot + 1), path, depends);
        }
      }
    });
  }

  #condition(name, path) {
    this.used.add(name);
    if (!(name in (this.template.Conditions ?? {}))) this.found.push(`${path}: there is no condition ${name}`);
  }

  #target(name, attribute, path, depends) {
    const resource = this.template.Resources[name];
    if (attribute === undefined) {
      this.used.add(name);
      if (resource) depends(name);
      else if (!(name in (this.template.Parameters ?? {})) && !pseudoParameters.includes(name)) {
        this.found.push(`${path}: there is no ${name} to refer to`);
      }
    } else if (!resource) {
      this.found.push(`${path}: there is no ${name} to have ${attribute}`);
    } else {
      depends(name);
      if (!this.types.hasAttribute(resource.Type, attribute)) {
        this.found.push(`${path}: ${name}, of type ${resource.Type}, has no ${attribute}`);
      }
    }
  }

  #checkCircles() {
    const done = new Set();
    const visit = (name, trail) => {
      if (trail.includes(name)) {
        this.found.push(`circle: ${[...trail.slice(trail.indexOf(name)), name].join(' -> ')}`);
      } else if (!done.has(name)) {
        for (const target of this.edges.get(name) ?? []) visit(target, [...trail, name]);
        done.add(name);
      }
    };
    for (const name of this.edges.keys()) visit(name, []);
  }
}
