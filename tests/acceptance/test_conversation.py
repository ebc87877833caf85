"""The product's main job with its real processes, the same conversation in each language."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from locales import catalogue
from locales.markets import get_market
from tests.customer import Customer
from tests.shop import Shop


@dataclass(frozen=True)
class Script:
    """What a customer of one country says, and words that the answers must have."""

    language: str
    market: str
    greeting: str
    shipping_cost: str
    return_policy: str
    track_order: str
    order_number: str
    email: str
    person: str
    answer: str
    thanks: str
    again: str


SCRIPTS = [
    Script(
        "en", "GB", "hello there", "how much do you charge for delivery?",
        "how long do I have to send something back?", "where is my order?", "48190",
        "hannah.whitlock@mail.example", "can I speak to a real person please",
        "Hello Hannah, I'm looking into it.", "thank you", "which payment methods do you accept?",
    ),
    Script(
        "it", "IT", "buongiorno", "quanto costa la spedizione?",
        "quanto tempo ho per restituire un articolo?", "dov'è il mio ordine?", "48213",
        "giulia.ferraro@posta.example", "vorrei parlare con una persona",
        "Buongiorno Giulia, verifico subito.", "grazie mille", "come posso pagare?",
    ),
    Script(
        "he", "IL", "שלום", "כמה עולה המשלוח?", "כמה זמן יש לי להחזיר מוצר?", "איפה ההזמנה שלי?", "48066",
        "yoav.levin@doar.example", "אני רוצה לדבר עם נציג אנושי", "שלום יואב, כבר בודקת.", "תודה רבה",
        "אילו אמצעי תשלום אתם מקבלים?",
    ),
    Script(
        "vi", "VN", "chào shop", "phí giao hàng bao nhiêu vậy shop?",
        "mua rồi trong bao lâu thì được trả hàng?", "đơn hàng của mình đang ở đâu?", "47931",
        "minhkhoi.tran@thu.example",
        "cho mình gặp nhân viên tư vấn", "Chào bạn, mình kiểm tra ngay nhé.", "cảm ơn shop",
        "shop nhận những hình thức thanh toán nào?",
    ),
    Script(
        "nl", "NL", "goedemorgen", "wat kost de verzending?", "hoe lang heb ik om iets terug te sturen?",
        "waar is mijn bestelling?", "48301", "sanne.dewit@post.example",
        "ik wil graag een medewerker spreken", "Dag Sanne, ik zoek het uit.", "dank je wel",
        "hoe kan ik bij jullie betalen?",
    ),
    Script(
        "fr", "FR", "bonjour", "combien coûte la livraison ?",
        "j'ai combien de temps pour renvoyer un article ?", "où est ma commande ?", "48217",
        "camille.lefort@courriel.example", "je voudrais parler à un conseiller",
        "Bonjour Camille, je vérifie tout de suite.", "merci beaucoup",
        "quels moyens de paiement acceptez-vous ?",
    ),
    Script(
        "de", "DE", "guten Tag", "was kostet der Versand?",
        "wie lange habe ich Zeit, etwas zurückzuschicken?",
        "wo ist meine Bestellung?", "48255", "jonas.albrecht@briefe.example",
        "ich möchte mit einem Mitarbeiter sprechen", "Guten Tag Herr Albrecht, ich sehe nach.", "vielen Dank",
        "welche Zahlungsarten gibt es bei Ihnen?",
    ),
    Script(
        "es", "ES", "buenos días", "¿cuánto cuesta el envío?",
        "¿cuántos días tengo para devolver un artículo?",
        "¿dónde está mi pedido?", "48172", "lucia.ferrandiz@correo.example", "quiero hablar con una persona",
        "Hola, Lucía, ahora mismo lo miro.", "muchas gracias", "¿qué formas de pago aceptáis?",
    ),
    Script(
        "pt", "BR", "bom dia", "quanto custa o frete?", "quantos dias eu tenho para devolver um produto?",
        "onde está meu pedido?", "47840", "rafaela.moura@carta.example", "quero falar com um atendente",
        "Oi, Rafaela, já estou verificando.", "muito obrigada", "quais são as formas de pagamento?",
    ),
    Script(
        "ja", "JP", "こんにちは", "送料はいくらですか？", "返品は何日以内ならできますか？",
        "注文した商品は今どこですか？", "47993", "sayaka.fujii@tegami.example", "担当者と話したいです",
        "藤井様、ただいま確認いたします。", "ありがとうございます", "支払い方法は何がありますか？",
    ),
    Script(
        "zh", "CN", "你好", "运费多少钱？", "收到货几天之内可以退货？", "我的订单到哪里了？", "47952",
        "xiaowen.lin@xinjian.example", "我要转人工客服", "林女士您好，我马上帮您查。", "谢谢",
        "你们支持哪些付款方式？",
    ),
    Script(
        "ar", "SA", "السلام عليكم", "كم تكلفة الشحن؟", "كم يوم عندي عشان أرجع المنتج؟", "وين طلبي؟", "48001",
        "noura.alotaibi@barid.example", "أبغى أكلم موظف", "أهلاً نورة، أتحقق الآن.", "شكراً جزيلاً",
        "وش طرق الدفع المتاحة عندكم؟",
    ),
]  # fmt: skip


async def ask(customer: Customer, text: str, author: str = "bot") -> str:
    """Say something; return all that the author says to it."""
    already = len(customer.texts(author))
    await customer.say(text)
    await customer.hear(author, timeout_s=15)
    try:
        async with asyncio.timeout(0.4):
            while True:
                await customer.receive()
    except TimeoutError:
        return "\n".join(customer.texts(author)[already:])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.language)
async def test_from_greeting_to_a_person_and_back(shop: Shop, script: Script) -> None:
    facts = get_market(script.market).formatted(script.language)
    customer = await shop.open_customer(language=script.language, market=script.market)

    greeting = await ask(customer, script.greeting)
    assert catalogue.text("bot", "utter_greet", script.language) in greeting

    assert facts["shipping_cost"] in await ask(customer, script.shipping_cost)
    assert facts["return_window"] in await ask(customer, script.return_policy)

    asks_number = await ask(customer, script.track_order)
    assert script.order_number not in asks_number
    await ask(customer, script.order_number)
    status = await ask(customer, script.email)
    assert f"TM-{script.order_number}" in status
    assert "https://" in status

    await customer.say(script.person)
    notice = await customer.hear("notice", timeout_s=15)
    assert notice == catalogue.text("service", "notice.handoff.requested", script.language)

    agent = await shop.sign_in()
    path = f"/api/v1/conversations/{customer.conversation_id}"
    packet = (await agent.get(f"{path}/packet", params={"language": "en"})).json()
    assert packet["packet"]["reason"] == "requested"
    assert packet["packet"]["language"]["current"] == script.language
    assert packet["packet"]["orders"][0]["number"] == f"TM-{script.order_number}"
    assert set(packet["packet"]["facts"]["answered_topics"]) == {"faq/shipping_cost", "faq/return_policy"}
    assert f"TM-{script.order_number}" in packet["summary"]

    assert (await agent.post(f"{path}/take")).status_code == 204
    joined = await customer.hear("notice")
    assert joined == catalogue.text("service", "notice.agent_joined", script.language, agent="Anna")
    assert (await agent.post(f"{path}/messages", json={"id": "1", "text": script.answer})).status_code == 201
    assert await customer.hear("agent") == script.answer
    bot_said = len(customer.texts("bot"))
    await customer.say(script.thanks)
    assert (await agent.post(f"{path}/resolve", json={"reason": "solved"})).status_code == 204
    await customer.hear("notice")
    assert len(customer.texts("bot")) == bot_said, "the bot keeps out while an agent has the conversation"

    assert facts["payment_methods"] in await ask(customer, script.again)
    assert (await agent.get(path)).json()["owner"] == "bot"
    seqs = [event["seq"] for event in customer.events]
    assert seqs == sorted(set(seqs))


async def test_language_follows_the_customer_and_nothing_else(shop: Shop) -> None:
    customer = await shop.open_customer(language="it", market="IT")
    it, en = get_market("IT").formatted("it"), get_market("IT").formatted("en")
    assert it["return_window"] in await ask(customer, "quanto tempo ho per restituire un articolo?")
    english = await ask(customer, "sorry, my Italian is bad. How long do I have to return something?")
    assert en["return_window"] in english
    assert any(event["kind"] == "language" and event["language"] == "en" for event in customer.events)
    changes = sum(event["kind"] == "language" for event in customer.events)
    for neutral in ("ok", "48213", "giulia.ferraro@posta.example"):
        await ask(customer, neutral)
    assert sum(event["kind"] == "language" for event in customer.events) == changes
    assert it["return_window"] in await ask(customer, "e quanti giorni ho per fare un reso se cambio idea?")


async def test_order_of_somebody_else_is_not_told_and_the_third_failure_hands_off(shop: Shop) -> None:
    customer = await shop.open_customer(language="en", market="GB")
    await ask(customer, "where is my order?")
    answers = []
    for number, email in (("48213", "eve@mail.example"), ("99999", "eve@mail.example")):
        await ask(customer, number)
        answers.append(await ask(customer, email))
    assert answers[0] == answers[1], "an order that exists and one that does not read the same"
    assert "48213" not in answers[0]
    await ask(customer, "48190")
    await customer.say("eve@mail.example")
    notice = await customer.hear("notice", timeout_s=15)
    assert notice == catalogue.text("service", "notice.handoff.task_failed", "en")


async def test_two_failures_in_a_row_hand_off_and_leaving_the_queue_starts_afresh(shop: Shop) -> None:
    customer = await shop.open_customer(language="en")
    await ask(customer, "Dzień dobry, kiedy wreszcie dotrze moja paczka?")
    await customer.say("Przepraszam, nie rozumiem, co mam teraz zrobić")
    notice = await customer.hear("notice", timeout_s=15)
    assert notice == catalogue.text("service", "notice.handoff.low_confidence", "en")
    await customer.send(type="leave_queue")
    assert await customer.hear("notice") == catalogue.text("service", "notice.left_queue", "en")
    await ask(customer, "Czy mogę zapłacić przelewem po dostawie?")
    owners = [event["owner"] for event in customer.events if event["kind"] == "owner"]
    assert owners == ["waiting", "bot"], "one failure after coming back is not two"


async def test_signed_in_customer_need_not_prove_who_they_are(shop: Shop) -> None:
    from handoff.channels.web.verification import sign_identity

    secret = shop.installation.environment()["DRAGOMAN_IDENTITY_SECRET"]
    email = "giulia.ferraro@posta.example"
    identity = {
        "id": "cus_1001",
        "name": "Giulia Ferraro",
        "email": email,
        "signature": sign_identity(secret, "cus_1001", email),
    }
    customer = await shop.open_customer(language="it", market="IT", identity=identity)
    assert "TM-48213" in await ask(customer, "dov'è il mio ordine 48213?")
    stranger = await ask(customer, "e il mio ordine 48190 dov'è?")
    assert "TM-48190" not in stranger, "signed in is not everybody"
