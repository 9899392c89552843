"""Label wordings: which pool a value's label comes from, and how this document spells its labels."""

from __future__ import annotations

from functools import cache

from tunewright.data.synth import pools
from tunewright.data.synth.draw import Draw, slot


def cased(draw: Draw, label: str) -> str:
    """A label in the document's letter case."""
    case = draw.notes.get("label_case")
    if case == "upper":
        return label.upper()
    if case == "lower":
        return label.lower()
    return label.title() if case == "title" and "'" not in label else label


def local(draw: Draw, name: str) -> str:
    """A label from the pool `name`, in the document's language or, code-mixed, in English."""
    if draw.mix and draw.chance(0.25 if draw.mix == 1 else 0.55):
        mixed = f"{name}.mix"
        if pools.has(mixed) and draw.chance(0.5):
            return draw.atom(mixed)
        if pools.has(f"{name}.en"):
            return draw.atom(f"{name}.en")
    return cased(draw, draw.atom(f"{name}.{draw.language}"))


def pool_of(draw: Draw, role: str) -> str:
    """The label pool of a gold role in this document."""
    kind, scene = draw.doc_type, draw.notes.get("scene_labels", "")
    if role == "total" and "total_pool" in draw.notes:
        return draw.notes["total_pool"]
    if role in ("number", "date", "total"):
        return f"label.{role}.{kind}"
    if role == "id":
        return f"label.id.{draw.notes['id']}"
    if role == "name":
        return f"label.applicant.{scene}" if scene and draw.chance(0.7) else "label.applicant"
    if role == "party":
        if kind == "receipt":
            return f"label.{scene}" if scene and draw.chance(0.7) else "label.payer"
        return f"label.{scene}" if scene and draw.chance(0.6) else "label.party"
    if role == "vendor":
        if draw.notes.get("landlord"):
            return "label.landlord"
        return "label.seller" if kind == "invoice" else "label.vendor"
    return f"label.{role}"


def of_gold(draw: Draw) -> frozenset[str]:
    """Keys (`pools.atom_key`) of the labels that gold values of this document may have, in every language."""
    kind = draw.doc_type
    names = {
        "invoice": ("number.invoice", "date.invoice", "total.invoice", "party", "owner", "guest", "seller"),
        "receipt": ("number.receipt", "date.receipt", "total.receipt", "paid", "vendor", "landlord"),
        "form": ("date.form", "phone", "applicant", f"applicant.{draw.notes.get('scene_labels', '')}"),
    }[kind]
    if kind == "form":
        names = (*names, f"id.{draw.notes.get('id', 'id')}")
    if draw.detailed:
        names = (*names, "address", "payment", *(("due",) if kind == "invoice" else ()))
    return frozenset().union(*map(_keys, names))


@cache
def _keys(name: str) -> frozenset[str]:
    own = (f"label.{name}.{language}" for language in ("en", "hi", "mix"))
    return frozenset(
        pools.atom_key(entry) for one in own if pools.has(one) for side in pools.pool(one).sides for entry in side
    )


def gold(draw: Draw, role: str) -> str:
    """A label for a gold role; remembered as the document's wording of it."""
    label = local(draw, pool_of(draw, role))
    draw.labels[role] = label
    return label


slot("numlabel")(lambda draw: gold(draw, "number"))
slot("datelabel")(lambda draw: gold(draw, "date"))
slot("totallabel")(lambda draw: gold(draw, "total"))
slot("idlabel")(lambda draw: gold(draw, "id"))
slot("phonelabel")(lambda draw: gold(draw, "phone"))
