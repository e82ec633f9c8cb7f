"""Made-up chat templates, each with a habit of published ones."""

PLAIN_TURNS = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
EACH = "{% for m in messages %}"
TURN = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
END = "<|im_end|>\n{% endfor %}"
ASK = "{% if add_generation_prompt %}<|im_start|>assistant\n"
ASKS = ASK + "{% endif %}"
ANSWER = "{% if m.role == 'assistant' %}"
TEMPLATES = {
    "spaces": "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}"
    "[INST] {{ m.content }} [/INST]{% else %} {{ m.content }} {{ eos_token }}{% endif %}"
    "{% endfor %}",
    "spaces before": EACH + "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %}  {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
    "trims": TURN + "{{ m.content | trim }}" + END + ASKS,
    "capitals": TURN + "{{ m.content | upper }}" + END + ASKS,
    "escapes": EACH + "{{ {'role': m.role, 'text': m.content} | tojson }}</s>{% endfor %}",
    "empty thought": TURN + "{% if loop.last and m.role == 'assistant' %}<think>\n\n</think>\n\n"
    "{% endif %}{{ m.content }}" + END + ASKS,
    "opened thought": TURN
    + "{{ m.content.split('</think>')[-1] }}"
    + END
    + ASK
    + "<think>\n{% endif %}",
    "channel": TURN + ANSWER + "<|channel|>final\n{% endif %}{{ m.content }}" + END + ASKS,
    "date": "Today is {{ strftime_now('%d %B %Y') }}.{{ date_string }}\n" + PLAIN_TURNS,
    "default system prompt": "{% if messages[0].role != 'system' %}<system>You are Bo.</s>"
    "{% endif %}" + PLAIN_TURNS,
    "strict roles": EACH + "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}" + PLAIN_TURNS,
    "always asks": TURN + "{{ m.content }}" + END + "<|im_start|>assistant\n",
    "not marked as special": EACH + "{{ '<|User|>' if m.role == 'user' else '<|Assistant|>' }}"
    "{{ m.content }}{{ '' if m.role == 'user' else eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|>{% endif %}",
    "strips after a token": EACH + "<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
}
