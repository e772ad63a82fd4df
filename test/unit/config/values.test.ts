import { describe, expect, it } from 'vitest';
import { renderJoin } from '../../../src/config/index.ts';
import { BUILT_IN_TEMPLATES, validTemplate } from '../../../src/config/templates.ts';
import { cronEvery, validCron } from '../../../src/config/values.ts';

const variables = {
  cluster: 'main',
  worker: 'burst-small-aaaaa',
  size: 'small',
  labels: 'worker-type=burst,team=x',
  endpoint: '10.0.0.9:6443',
  token: 'abcdef.0123456789abcdef',
  ca_cert_hash: 'sha256:00',
};

describe('cron expressions', () => {
  it.each(['* * * * *', '*/5 * * * *', '0 */5 * * * *', '1-5,10 0 1 jan-mar mon', '0 0 * * 7', '30 1,2 * * *'])(
    'accepts %s',
    (expression) => expect(validCron(expression)).toBeUndefined(),
  );
  it.each([
    '',
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    '5/2 * * * *',
    '5-1 * * * *',
    'a * * * *',
    '@daily',
    '* * * * * * *',
  ])('refuses %j', (expression) => expect(validCron(expression)).toMatch(/cron expression/));
  it.each([
    [1, '*/1 * * * * *'],
    [30, '*/30 * * * * *'],
    [60, '0 */1 * * * *'],
    [300, '0 */5 * * * *'],
    [3600, '0 0 */1 * * *'],
    [86_400, '0 0 0 * * *'],
    [7, undefined],
    [90, undefined],
    [420, undefined],
    [18_000, undefined],
  ])('every %d s is %s', (seconds, expression) => {
    expect(cronEvery(seconds)).toBe(expression);
    if (expression !== undefined) expect(validCron(expression)).toBeUndefined();
  });
});

describe('join templates', () => {
  it('fill in every variable', () => {
    const { userData, joinCommand } = renderJoin(BUILT_IN_TEMPLATES.kubeadm, variables);
    expect(joinCommand).toBe(
      'kubeadm join 10.0.0.9:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:00 --node-name burst-small-aaaaa',
    );
    expect(userData).toMatch(/^#cloud-config\nhostname: burst-small-aaaaa\n/);
    expect(userData).toContain(joinCommand);
    expect(renderJoin(BUILT_IN_TEMPLATES.k3s, variables).joinCommand).toContain(
      "--node-label 'worker-type=burst,team=x'",
    );
    expect(renderJoin(BUILT_IN_TEMPLATES.none, variables)).toEqual({ userData: '', joinCommand: '' });
  });

  it.each([
    ['{{ tokn }}', /unknown variable tokn \(there are cluster, worker/],
    ['{% if true %}', /Liquid template/],
    ['{{ worker | nofilter }}', /undefined filter/],
    ['{% include "/etc/passwd" %}', /Liquid template/],
    ['{% render "a" %}', /Liquid template/],
    ['{{ worker.constructor }}', /Liquid template/],
    ['{% for i in (1..100000000) %}x{% endfor %}', /Liquid template/],
  ])('refuse %s', (template, message) => {
    expect(validTemplate(template)).toMatch(message);
  });

  it.each([
    '',
    'plain',
    '{{ worker | upcase }}',
    '{% assign a = size %}{{ a }}',
    '{% if size == "small" %}x{% endif %}',
  ])('accept %j', (template) => expect(validTemplate(template)).toBeUndefined());
});
