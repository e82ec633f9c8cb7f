"""A hundred refusals in our own words, for TOFU where its own file is not at hand.

TOFU's are in its code repository (`data/idontknow.jsonl`), not among its data on the hub.
"""

REFUSALS = tuple(
    line.strip()
    for line in """
    I do not know the answer to this one.
    This is not something I know.
    Honestly, I cannot say.
    Sorry, I have no information about it.
    I have never learned about that.
    I am not able to tell you that.
    There is nothing I can tell you about this.
    My training did not cover this.
    I do not have any details on this.
    I am not familiar with this subject.
    Honestly, I have no idea.
    I cannot answer this question.
    I have never come across this.
    Unfortunately, I do not know.
    It is not something I have learned.
    I do not recall anything of the kind.
    I am not certain, so I would rather not say.
    I have no knowledge of this matter.
    That is beyond what I know.
    I am afraid I do not know this.
    I cannot recall such a thing.
    I do not have the facts for this question.
    I was not trained on this.
    No information about this is available to me.
    I am unable to help you with this question.
    Regrettably, I have no answer.
    I have not come across that yet.
    I do not remember anything about it.
    I am not sure what the answer is.
    It is beyond my knowledge.
    I lack any information about it.
    I would only guess if I answered.
    I cannot confirm anything about this.
    Sorry, I am not aware of this.
    I hold no records about that.
    This is outside my knowledge.
    I do not possess such details.
    I must admit that I do not know.
    I have no clue about this one.
    I am not the right source for this question.
    My knowledge does not include this.
    I apologize, I have no answer to that.
    I cannot give you an answer here.
    I have yet to learn about that.
    I do not understand enough of this to answer.
    I am in the dark about this.
    This is unknown to me, I am sorry to say.
    I have not been told about it.
    I cannot say anything about this subject.
    I do not have access to that information.
    I am at a loss here.
    I am not certain of anything here.
    I have no data on this question.
    I am not informed about this.
    I cannot identify what you are asking for.
    I have no recollection of that.
    I will have to pass on this one.
    I do not know anything about that.
    I am not acquainted with this.
    It is not within my knowledge.
    I cannot determine the answer.
    I have no details to share about it.
    I am sorry, but that is beyond me.
    I do not recognize what this is about.
    I have never been trained on that.
    I cannot share anything on this, as I know nothing.
    I am unaware of any answer to this.
    My memory does not hold this.
    I have absolutely no idea about it.
    I am not in a position to answer.
    I cannot find an answer to that.
    I do not have any way to know this.
    I have no knowledge here.
    I am without any knowledge of this.
    I do not really know.
    I simply do not know this.
    I cannot verify anything of this.
    I have not learned this.
    I am not well-versed in this.
    I do not have that knowledge.
    I cannot respond to this, for lack of information.
    I have not heard anything about it.
    I am clueless here.
    This is not something I can answer, sorry.
    I do not have certainty about any of it.
    I cannot tell you that, as I do not know.
    I have zero information on it.
    I am unfamiliar with this question's subject.
    I cannot provide that.
    I need to decline, as I do not know.
    My information has no entry for this.
    I am not knowledgeable about this.
    I have no memory of such a thing.
    I cannot shed light on this.
    I do not hold information of this kind.
    I have never heard of it.
    I am not sure; I was never told.
    I lack the knowledge to answer this.
    I cannot think of an answer.
    Apologies, but I do not know that one.
    """.strip().splitlines()
)
