#!/usr/bin/env python3
"""Makes cases.json: small templates and what Python's Jinja2 3.1.2 renders, set up as transformers sets it up.

usage: make_cases.py > cases.json        (needs jinja2)
Each line of a block below is a template; an entry whose template raises has "error" instead of "output". The file is long because it is
that list, in one place.
"""

import datetime
import json
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

CONTEXT = {
    "s": "Hello, World", "empty": "", "u": "Zażółć gęślą — 你好 🙂", "n": 42, "zero": 0, "f": 1.5, "neg": -7, "t": True,
    "nothing": None, "list": [3, 1, 2], "words": ["banana", "Apple", "cherry"], "none_list": [],
    "d": {"b": 1, "a": [1, 2.0, None], "C": {"x": "y"}}, "empty_dict": {},
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <b>\"there\"</b>"},
                 {"role": "assistant", "content": "  Hello  ", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1, "y": [True, None]}}}]}],
    "reals": [0.1, 1e16, 1e-5, 123456789.125, 5e-324, 1.7976931348623157e308, 100.0, 0.30000000000000004, 2.5e-10, -0.0, 1e22, 123456.7],
    "people": [{"name": "Ann", "age": 30, "city": {"name": "Oslo"}}, {"name": "bob", "age": 25}, {"name": "Cy", "age": 30, "city": {"name": "Rome"}}],
    "quotes": "it's \"x\"\n\t\\", "lines": "one\n  two\n\nthree\n", "csv": "a,b,,c", "spaced": "  a  b c   ",
}

EXPRESSIONS = r"""
s|n|f|t|nothing
1 + 2 * 3 - 4 / 2
7 // 2 ~ ' ' ~ -7 // 2 ~ ' ' ~ 7 % 3 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7 % -3
7.5 // 2 ~ ' ' ~ -7.5 // 2 ~ ' ' ~ 7.5 % 2 ~ ' ' ~ -7.5 % 2 ~ ' ' ~ 5.5 % -2
2 ** 10 ~ ' ' ~ 2 ** -1 ~ ' ' ~ -2 ** 2 ~ ' ' ~ 2 ** 3 ** 2 ~ ' ' ~ 2.5 ** 2 ~ ' ' ~ 9 ** 0.5
1 / 0
1 // 0
5 % 0
10 / 4 ~ ' ' ~ 10 / 5 ~ ' ' ~ 1e3 ~ ' ' ~ 1_000 ~ ' ' ~ 0x1F ~ ' ' ~ 0b101 ~ ' ' ~ 0o17 ~ ' ' ~ 1.5e-7
true + 1
true and 'yes' or 'no'
'' or 0 or none or 'last'
not true ~ 'x'
not (1 == 2) and 3 > 2
1 < 2 < 3
1 < 3 < 2
1 == 1.0
true == 1
'a' == 1
'a' < 'b'
[1, 2] < [1, 3]
'a' < 1
1 in [1, 2]
4 not in [1, 2]
'ell' in s
'b' in d
1 in d
'x' in 5
1 in 'abc'
undef
undef.x
undef['x']
undef + 1
undef ~ 'x'
undef == undef2
undef == none
undef in [1]
1 in undef
undef|length
undef|default('z')
undef|default
''|default('z')
''|default('z', true)
none|default('z')
none|default('z', boolean=true)
d.missing|default('z')
d.missing.deeper
(undef|default({})).x is defined
undef is defined
undef is undefined
undef is none
undef is string
undef is iterable
undef is sequence
undef is mapping
s is string
s is iterable
s is sequence
s is mapping
n is number
n is integer
n is float
f is float
f is number
f is integer
t is boolean
t is number
t is integer
t is true
t is false
1 is true
false is false
none is none
nothing is none
d is mapping
d is sequence
d is iterable
list is sequence
list is iterable
n is iterable
n is odd
n is even
-7 is odd
n is divisibleby 7
n is divisibleby(5)
n is eq 42
n is equalto(42)
n is ne 42
n is gt 41
n is lt 41
n is ge 42
n is le 41
n is greaterthan 3
'x' is in ['x', 'y']
'z' is not in ['x', 'y']
'abc' is lower
'ABC' is upper
'Abc' is lower
'123' is upper
range is callable
s is callable
s.upper is callable
n is sameas 42
none is sameas none
'upper' is filter
'nope' is filter
'odd' is test
n is nosuchtest
n|nosuchfilter
s is defined and n is not none
s[0] ~ s[-1] ~ s[100]
s[1:4] ~ '|' ~ s[:3] ~ '|' ~ s[-3:] ~ '|' ~ s[::-1] ~ '|' ~ s[::2] ~ '|' ~ s[10:2:-3] ~ '|' ~ s[5:2]
u[0:6] ~ u[-1] ~ u[::-1]
u|length
list[0] ~ list[-1]
list[1:]
list[::-1]
list[:-1]
list[100:]
list[-100:2]
list[5]
list[::0]
list['x']
list.0
d.b ~ d['b'] ~ d.a
d.items()
d.keys()
d.values()
d.items()|list
d.keys()|list
d.values()|list
d.get('b') ~ d.get('zz') ~ d.get('zz', 'def')
d['items']
d.items is defined
d.nope is defined
d['nope'] is defined
d
d|length
messages[0]
messages[2]['tool_calls'][0].function.arguments
messages[0].role ~ messages[-1]['role']
(1, 2)
(1,)
()
[]
{}
{'a': 1, 'b': [1, 2, {'c': none}]}
{'a': 1}['a']
{1: 'one', none: 'nil', true: 'yes'}
[1, 2.0, 'x', none, true, false, [], {}, (1,), '']
reals
reals|join(' ')
1e308 * 10
-1e308 * 10
quotes
[quotes]
['it\'s', "say \"x\"", 'a\\b', 'tab\t', 'é', '\x07', '\u200b']
'a\nb\tc\\d\'e"f\x41\u00e9\U0001F642\101\q'
'adjacent' 'strings' "join"
'%s is %d years, %.2f, %5s|%-5s|%05d|%x|%r|%%' % ('Al', 3, 2.345, 'a', 'b', 42, 255, 'q')
'%s' % 'x'
'%s %s' % 'x'
'%s' % [1, 2]
'%d' % 3.99
'%(a)s' % {'a': 5}
'%s %s'|format('a', 2)
'{} {1}'.format(1, 2)
'{} {}'.format('a', 2)
'{0} {1} {0}'.format('a', 'b')
'{x} {y!r}'.format(x=1, y='q')
'{:>5}|{:<5}|{:^5}|{:05d}|{:.3f}|{:,}|{:x}|{:*^7}'.format('a', 'b', 'c', 42, 3.14159, 1234567, 255, 'm')
'{a.b} {a[b]} {l[1]}'.format(a={'b': 3}, l=[1, 2])
'{{}}'.format()
'{'.format()
s.upper() ~ s.lower() ~ s.title() ~ s.capitalize() ~ s.swapcase()
'hELLO wORLD'|capitalize
'hello big-world (foo) [bar] it\'s'|title
"it's a they're".title()
u|upper
u|lower
'ÀÉÎõüÿ łŃ ŻŹ'|lower ~ 'àéîõüÿ łń żź'|upper
'Привет Мир'|upper ~ 'Привет Мир'|lower ~ 'Ελλάδα ώρα'|upper ~ 'ΕΛΛΑΔ'|lower
s.split(', ')
s.split('l')
s.split('l', 1)
s.rsplit('l', 1)
s.split('zz')
spaced.split()
spaced.split(none, 1)
spaced.rsplit(none, 1)
spaced.split(' ')
csv.split(',')
csv.split('')
''.split()
''.split(',')
lines.splitlines()
lines.splitlines(true)
lines.split('\n')
s.partition(', ')
s.rpartition('o')
s.partition('zz')
s.rpartition('zz')
'  x '.strip() ~ '|' ~ '  x '.lstrip() ~ '|' ~ '  x '.rstrip() ~ '|'
'xxabcxx'.strip('x') ~ 'xyabcyx'.lstrip('xy') ~ 'abc\n\n'.rstrip('\n')
'\u00a0\u3000x\u2003'.strip() ~ '|'
s.startswith('Hell') ~ s.startswith('ell') ~ s.startswith('ell', 1) ~ s.startswith(('x', 'H')) ~ s.endswith(('ld', 'q')) ~ s.endswith('World')
s.startswith(1)
s.find('o') ~ s.find('o', 5) ~ s.find('zz') ~ s.rfind('o') ~ s.index('W') ~ s.count('l') ~ s.count('') ~ u.find('好')
s.index('zz')
s.replace('l', 'L') ~ s.replace('l', 'L', 1) ~ s.replace('', '-') ~ 'aaa'.replace('aa', 'b')
s.removeprefix('Hello') ~ s.removesuffix('World') ~ s.removeprefix('x')
'abc'.isalpha() ~ 'ab1'.isalpha() ~ '123'.isdigit() ~ ''.isdigit() ~ ' \t'.isspace() ~ 'a1'.isalnum() ~ 'ABC'.isupper() ~ 'abc1'.islower() ~ 'é'.isascii()
'7'.zfill(3) ~ '-7'.zfill(4) ~ 'ab'.ljust(5) ~ '|' ~ 'ab'.rjust(5) ~ '|' ~ 'ab'.center(5) ~ '|' ~ 'ab'.center(7, '*') ~ 'abc'.center(6, '.')
', '.join(['a', 'b'])
', '.join([1, 2])
','.join('abc')
s.nosuch
s.nosuch()
s.upper
n.x
none.x
none['x']
n()
'abc'|upper|lower|capitalize|length
'<a href="x">\'&'|escape
'<b>'|e
'<b>'|safe
'<b>'|safe + '<i>'
'<i>' + '<b>'|safe
'<b>'|safe ~ '<i>'
('<b>'|safe|trim) + '&'
'a' + 1
'a' * 3 ~ 3 * 'b' ~ 'c' * 0 ~ 'd' * -1
[1] * 3
[1] + [2]
(1,) + (2, 3)
[1] + (2,)
-'a'
- n ~ +f ~ -true
n|string + '!'
f|string
none|string
[1, 'a']|string
'3'|int + '4.7'|int ~ 'x'|int ~ 'x'|int(9) ~ '0x1f'|int(0, 16) ~ ' 12 '|int ~ none|int ~ 3.9|int ~ -3.9|int ~ true|int
'3.5'|float ~ 'x'|float ~ 'x'|float(1.5) ~ 2|float ~ '1e3'|float ~ 'inf'|float
undef|int
-5|abs ~ (-5)|abs ~ (-2.5)|abs
2.5|round ~ ' ' ~ 3.5|round ~ ' ' ~ 2.675|round(2) ~ ' ' ~ 42|round ~ ' ' ~ 42.55|round(1, 'floor') ~ ' ' ~ 42.55|round(1, 'ceil') ~ ' ' ~ 1234.5|round(-2) ~ ' ' ~ -2.5|round
42.1234|round(precision=2)
3|round(method='x')
list|first ~ list|last ~ s|first ~ s|last
none_list|first is defined
none_list|first
none_list|last
list|length ~ s|count
list|sum ~ people|sum(attribute='age') ~ [[1], [2]]|sum(start=[])
list|sort
list|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
people|sort(attribute='age')|map(attribute='name')|list
people|sort(attribute='age,name', reverse=true)|map(attribute='name')|join(',')
[1, 'a']|sort
['b', 'B', 'a', 'A']|sort|join
list|min ~ list|max ~ words|min ~ words|max ~ none_list|min ~ '|'
people|max(attribute='age')
[1, 2, 1, 3, 2]|unique|list
['a', 'A', 'b']|unique|list
['a', 'A', 'b']|unique(case_sensitive=true)|list
list|reverse|list
s|reverse
d|list
s|list
d|dictsort
{'b': 2, 'A': 1, 'c': 0}|dictsort
{'b': 2, 'A': 1, 'c': 0}|dictsort(true)
{'b': 2, 'A': 1, 'c': 0}|dictsort(by='value')
{'b': 2, 'A': 1, 'c': 0}|dictsort(reverse=true)
d|items|list
d|items
undef|items|list
list|items
list|join ~ list|join(', ') ~ people|join('; ', attribute='name') ~ u|join('.')
list|map('string')|list
words|map('upper')|join(',')
words|map('replace', 'a', '*')|list
people|map(attribute='city.name')|list
people|map(attribute='city.name', default='?')|list
people|map(attribute='city')|map('default', {})|list
list|map
list|map('nosuch')|list
list|select('odd')|list
list|reject('odd')|list
list|select('gt', 1)|list
[0, 1, '', 'x', none]|select|list
[0, 1, '', 'x', none]|reject|list
people|selectattr('city')|map(attribute='name')|list
people|selectattr('city', 'defined')|map(attribute='name')|list
people|rejectattr('city', 'defined')|map(attribute='name')|list
people|selectattr('age', 'equalto', 30)|map(attribute='name')|list
people|selectattr('age', '>', 26)|list|length
messages|selectattr('role', 'in', ['user', 'system'])|list|length
messages|selectattr('role', '==', 'user')|first
messages|selectattr('role', 'eq', 'nobody')|list
(messages|selectattr('role', 'eq', 'nobody')) and 'generators are true'
messages|selectattr('role')|length
(list|map('string'))[0]
list|batch(2)|list
list|batch(2, 'x')|list
list|slice(2)|list
range(7)|slice(3)|list
range(7)|slice(3, '-')|list
people|groupby('age')
people|groupby('age')|map(attribute='grouper')|list
people|groupby('city.name', default='none')|map('first')|list
s|trim ~ spaced|trim ~ '|' ~ 'xxaxx'|trim('x')
s|replace('l', 'L') ~ s|replace('l', 'L', 2)
lines|indent
lines|indent(2, true)
lines|indent('> ', blank=true)
lines|indent(width=3, first=true, blank=true)
s|center(20) ~ '|'
s|wordcount ~ u|wordcount
s|truncate(5) ~ '|' ~ 'a b c d e f g h i j'|truncate(9, leeway=0) ~ '|' ~ 'abcdefghijklmnop'|truncate(5, true, '..', 0)
d|tojson
messages|tojson
[1.0, 1e16, 0.1, none, true, 'é\n"\\\t\x01/<>&\u2028🙂']|tojson
d|tojson(indent=2)
d|tojson(indent=4)
{'a': [], 'b': {}, 'c': [1, {'d': 2}]}|tojson(indent=2)
[1, [2]]|tojson(indent=0)
d|tojson(separators=(',', ':'))
d|tojson(sort_keys=true)
{'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true, indent=1)
'é🙂'|tojson(ensure_ascii=true)
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
undef|tojson
(1, 2)|tojson
range(3)|list|tojson
'x'|tojson|tojson
range(3)
range(1, 4)|list
range(10, 0, -3)|list
range(5)|length
range(5)[2] ~ range(5)[-1]
range(3) == range(3)
range(200000)
range(1, 2, 0)
range()
range('a')
dict(a=1, b='x')
dict([('a', 1), ('b', 2)])
dict({'a': 1}, b=2)
namespace(a=1).a
namespace(a=1).b is defined
joiner()() ~ '|'
'yes' if t else 'no'
'yes' if zero
('yes' if zero else 'no') ~ '!'
'a' if zero else 'b' if t else 'c'
d.b if d.b is defined else 'x'
[1 if t else 2, 3]
s|length > 3 and s|upper == 'HELLO, WORLD'
n + 1|abs
-1|abs
2 * 'a'|length
(s ~ '!')|upper
s ~ n ~ f ~ t ~ none ~ [1] ~ undef
not undef
none == false
messages|length - 1
messages[messages|length - 1].role
messages[1:]|length
messages|map(attribute='role')|join('/')
messages[0] == messages[0]
messages[0] != messages[1]
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
[1, 2] == [1.0, 2]
(1, 2) == [1, 2]
raise_exception('boom')
strftime_now('%Y-%m-%d %H:%M:%S %d %b %B %a %A %j %y %I %p %% %e %-d')
strftime_now('%d %b %Y')
strftime_now('%c|%x|%X|%F|%T|%D')
d.update({'x': 1})
list.append(4)
list.index(1) ~ list.count(3)
s.__class__
s._private
d.a.b.c
'abc'['upper']()
d['get']('b')
s|attr('upper')
d|attr('items')
d|attr('b')
9223372036854775807
1.0 ~ 1.10 ~ 100000000000000000000.0 ~ 12345678.9 ~ 1e-4 ~ 0.00001
3 is not none and 3 is number
x.y if x is defined else 'none'
'a,b;c'|replace(',', ';')|replace(';', ' ')
{'k': 'v'}.items()|list|first|last
[[1, 2], [3, 4]]|map('last')|list
['a', 'b']|map('upper')|map('lower')|list
'abc'|map('upper')|join
[3, 1]|sort|first
nothing|length
n|length
none|upper
n|upper
1|join
none|list
none|first
'1' + 1|string
'a' 'b' ~ 'c'
"{% raw %}" ~ '}}' ~ '{{'
{'a': {'b': {}}}
{'a': {'b': 1}}.a.b
foo(bar=1)
s.split(sep='l', maxsplit=1)
"%05.1f|%+d|% d|%#x|%o|%5.2s|" % (3.14159, 5, 5, 255, 8, 'abcdef')
'a'.join(d)
"tëst".upper() ~ 'ǅ'.islower()
(1, 'a', [2]) in [(1, 'a', [2])]
[none, none]|join(',')
[undef, 1]|join(',')
[undef]
{'a': undef}
"a" < "B"
'10' | int * 2
'abc' | first | upper
[1,2,3] | last + 1
[] is defined and [] is iterable and not []
messages[0]['content'] is string and messages[0].content | length
'x' in messages[0]
'role' in messages[0] and messages[0]['role'] in ['system', 'developer']
loop is defined
"a" if
1 +
(1
[1, 2
{'a' 1}
'unterminated
a b
1 is
s|
s.
{{
""".strip("\n").split("\n")

STATEMENTS = [
    "{% if t %}\n  yes\n{% else %}\n  no\n{% endif %}\nend",
    "{% if zero %}a{% elif n == 42 %}b{% else %}c{% endif %}",
    "{% for x in list %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in list %}\n  - {{ x }}\n{% endfor %}\n",
    "  {% for x in list %}  \n  - {{ x }}  \n  {%- endfor %}  tail  \n",
    "{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in list %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in list %}{{ loop.previtem is defined }}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}",
    "{% for x in none_list %}x{% else %}empty{% endfor %}",
    "{% for x in list if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% else %}none{% endfor %}",
    "{% for x in list if x > 9 %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }};{{ loop.length }}{% endfor %}",
    "{% for k in d %}{{ k }};{% endfor %}",
    "{% for c in u[:4] %}[{{ c }}]{% endfor %}",
    "{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }};{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for x in undef %}x{% else %}e{% endfor %}",
    "{% for x in none %}x{% endfor %}",
    "{% for x in n %}x{% endfor %}",
    "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in list %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in list %}{% for y in list %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{{ loop.index }}|{% endfor %}",
    "{% break %}",
    "{% set x = 1 %}{% for i in list %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(x=0, y='a') %}{% for i in list %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}",
    "{% set ns = namespace({'q': 5}) %}{{ ns.q }}{% set ns.z = [1] %}{{ ns.z }}",
    "{% set d.b = 3 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% if t %}{% set inner = 5 %}{% endif %}{{ inner }}",
    "{% set x %}a{{ n }}b{% endset %}{{ x }}|{{ x|length }}",
    "{% set x | upper %}abc{% endset %}{{ x }}",
    "{% set x | replace('a', 'b') | upper %}abc{% endset %}{{ x }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}",
    "{% filter indent(2) | trim %}\na\nb{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% macro m(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c='z') }} {{ m(b=5) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}|{{ m(undef) }}",
    "{% macro fact(n) %}{{ n * (fact(n - 1)|int) if n > 1 else 1 }}{% endmacro %}{{ fact(5) }}",
    "{% macro outer() %}<{{ caller() }}>{% endmacro %}{% call outer() %}in{{ n }}{% endcall %}",
    "{% macro outer() %}<{{ caller('a', 2) }}>{% endmacro %}{% call(x, y) outer() %}{{ x }}{{ y }}{% endcall %}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{{ g }}{% endmacro %}{% set g = 'late' %}{{ m() }}",
    "{% macro m() %} x {% endmacro %}{{ m() | trim }}|{{ m() + 'y' }}",
    "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    "{% macro m(x) -%}\n  {{ x }}\n{%- endmacro %}[{{ m(1) }}]",
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{{ m.content | trim }}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}{% endif %}\n{% endfor %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}!",
    "a {% raw -%}  x  {%- endraw %} b",
    "a {%- raw %} x {% endraw -%} b",
    "a{# comment #}b {#- c -#} d{# {{ x }} #}\n  {# line #}\nend",
    "  {# c #}\nx",
    "x  {{- n -}}  y",
    "x\n\n{{- n -}}\n\ny",
    "x {%- if t -%} y {%- endif -%} z",
    "x\n  {% if t %}\n    y\n  {% endif %}\nz\n",
    "x\n  {%+ if t %}\n    y\n  {%+ endif +%}\nz\n",
    "x {% if t +%}\ny{% endif %}",
    "{%if t%}a{%endif%}{{n}}{{  n  }}",
    "a\n\n\n",
    "\n\na",
    "a\r\nb\rc",
    "{{ 'x' }}\n{{ 'y' }}\n",
    "{% if t %}\n\nx{% endif %}",
    "  \t{% if t %}x{% endif %}\n",
    "y  \t{% if t %}x{% endif %}\n",
    "{{ '%}' }}{{ \"}}\" }}{{ {'a': {'b': 1}}['a'] }}",
    "{% set x = {'a': {'b': 1}} %}{{ x }}",
    "{% generation %}{{ n }}{% endgeneration %}",
    "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "{% for x in list %}{% set y = x %}{% endfor %}{{ y is defined }}",
    "{% for x in list %}{% set loop_x = loop %}{{ loop_x.index }}{% endfor %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}",
    "{% set j = joiner(', ') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %}",
    "{% set l = [1, 2] %}{% set _ = l.append(3) %}{{ l }}",
    "{% set l = [1, 2] %}{{ l.pop() }}{{ l }}",
    "{% set m = messages | list %}{{ m | length }}{% set g = messages | map(attribute='role') %}{{ g | list }}{{ g | list }}",
    "{% if undef %}a{% else %}b{% endif %}{% if undef is defined and undef.x %}c{% endif %}",
    "{% if undef.x %}a{% endif %}",
    "{% if messages[0].role == 'system' %}{% set sys = messages[0].content %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ sys }}{{ rest|length }}",
    "{% set messages = messages[1:] %}{{ messages|length }}",
    "{% for message in messages %}{% if loop.first and message.role != 'system' %}x{% endif %}{{ message.role }}{{ '' if loop.last else ',' }}{% endfor %}",
    "{% for i in range(0, messages|length, 2) %}{{ messages[i].role }};{% endfor %}",
    "{% for m in messages[::-1] %}{{ m.role }} {% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
    "{% if not (t and zero) and not zero %}ok{% endif %}",
    "{% set x = 'a' if t else 'b' %}{{ x }}",
    "{% set x = t and n %}{{ x }}",
    "{{ n }}{{ '\n' }}{{ n }}",
    "{% if loop is defined %}a{% else %}b{% endif %}",
    "{% macro m(x) %}{% if x is mapping %}{ {%- for k, v in x.items() %}{{ k }}:{{ m(v) }}{% if not loop.last %},{% endif %}{% endfor -%} }{% elif x is sequence and x is not string %}[{% for v in x %}{{ m(v) }},{% endfor %}]{% else %}{{ x }}{% endif %}{% endmacro %}{{ m(d) }}",
    "{% if %}x{% endif %}", "{% for x in %}{% endfor %}", "{% endif %}", "{% if t %}", "{% for x in list %}", "{% nosuch %}",
    "{% set %}", "{% set x = %}", "{{ }}", "{% macro %}{% endmacro %}", "{% raw %}x", "{# open", "{{ open", "{% if t %}{% endfor %}",
    "{% macro m(a=1, b) %}{% endmacro %}", "{{ f(a=1, 2) }}", "{{ n ) }}", "{% set 1 = 2 %}", "{% else %}", "{{ a.1b }}",
]


def main():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.datetime(2024, 7, 26, 15, 4, 5).strftime(f)
    cases = []
    for template in ["{{ " + e + " }}" for e in EXPRESSIONS] + STATEMENTS:
        try:
            output = env.from_string(template).render(**json.loads(json.dumps(CONTEXT)))
            if " at 0x" in output:  # the address of a Python object
                continue
            cases.append({"template": template, "output": output})
        except Exception as error:
            cases.append({"template": template, "error": f"{type(error).__name__}: {error}"})
    json.dump({"context": CONTEXT, "now": "2024-07-26T15:04:05", "cases": cases}, sys.stdout, ensure_ascii=True, indent=1)
    print()


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("body"), [], [], body).set_lineno(line)

    @staticmethod
    def body(caller):
        return caller()


if __name__ == "__main__":
    main()
